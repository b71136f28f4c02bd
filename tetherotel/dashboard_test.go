package tetherotel_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	selectors  = regexp.MustCompile(`\{[^}]*\}`)
	grouping   = regexp.MustCompile(`\b(by|without)\s*\(([^)]*)\)`)
	durations  = regexp.MustCompile(`\[[^\]]*\]`)
	functions  = regexp.MustCompile(`\b(sum|increase|rate)\b`)
	word       = regexp.MustCompile(`[A-Za-z_:][A-Za-z0-9_:]*`)
	labelNames = regexp.MustCompile(`([A-Za-z_]\w*)\s*(=|!)`)
	legends    = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	values     = regexp.MustCompile(`label_values\((.*), (\w+)\)$`)
)

// A query is what a text of PromQL, of the kind that the dashboard has, asks for.
func query(expr string) (metrics, labels []string) {
	for _, s := range selectors.FindAllString(expr, -1) {
		for _, m := range labelNames.FindAllStringSubmatch(s, -1) {
			labels = append(labels, m[1])
		}
	}
	expr = selectors.ReplaceAllString(expr, "")
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		labels = append(labels, word.FindAllString(g[2], -1)...)
	}
	expr = grouping.ReplaceAllString(expr, "")
	expr = durations.ReplaceAllString(expr, "")
	return word.FindAllString(functions.ReplaceAllString(expr, ""), -1), labels
}

func TestQuery(t *testing.T) {
	metrics, labels := query(`sum by (a, b) (rate(x_total{job=~"$job",i!="{"}[5m])) > 0 + sum(y)`)
	require.Equal(t, []string{"x_total", "y"}, metrics)
	require.Equal(t, []string{"job", "i", "a", "b"}, labels)
}

func TestDashboard_AsksForEachMetricThatThereIsAndForNoOther(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			ID          int
			Title       string
			GridPos     struct{ H, W, X, Y int }
			Targets     []struct{ Expr, LegendFormat, RefID string }
			FieldConfig any
		}
		Templating struct {
			List []struct {
				Name, Type, Definition string
			}
		}
	}
	text, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &dashboard))

	app := newOwner(t, "app")
	fill(app)
	there := make(map[string]bool)
	known := map[string]bool{"job": true, "instance": true} // which Prometheus adds
	for name, f := range scrape(t, app) {
		if strings.HasPrefix(name, "tether_") {
			there[name] = true
			for _, l := range f.GetMetric()[0].GetLabel() {
				known[l.GetName()] = true
			}
		}
	}
	require.Len(t, there, 13)

	asked := make(map[string]bool)
	ask := func(expr string) {
		t.Helper()
		metrics, labels := query(expr)
		require.NotEmpty(t, metrics, expr)
		for _, m := range metrics {
			require.True(t, there[m], "%s, of %s, is not in a scrape", m, expr)
			asked[m] = true
		}
		for _, l := range labels {
			require.True(t, known[l], "%s, of %s, is no label", l, expr)
		}
	}
	require.NotEmpty(t, dashboard.Panels)
	ids := make(map[int]bool)
	for _, p := range dashboard.Panels {
		require.False(t, ids[p.ID], "two panels with id %d", p.ID)
		ids[p.ID] = true
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, q := range p.Targets {
			ask(q.Expr)
			for _, l := range legends.FindAllStringSubmatch(q.LegendFormat, -1) {
				require.True(t, known[l[1]], "%s, of a legend of %s, is no label", l[1], p.Title)
			}
		}
	}
	for _, v := range dashboard.Templating.List {
		if v.Type == "query" {
			m := values.FindStringSubmatch(v.Definition)
			require.NotNil(t, m, v.Definition)
			ask(m[1])
			require.True(t, known[m[2]], v.Definition)
		}
	}
	require.Equal(t, there, asked)
}
