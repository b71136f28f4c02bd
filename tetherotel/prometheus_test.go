package tetherotel_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tetherotel"
)

// scrape registers app with a provider for Prometheus, and returns what a client gets that
// asks as Prometheus does for its text format.
func scrape(t *testing.T, app *tether.Owner) map[string]*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewRegistry()
	export, err := exporter.New(exporter.WithRegisterer(registry))
	require.NoError(t, err)
	provider := metric.NewMeterProvider(metric.WithReader(export))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(t.Context())) })
	require.NoError(t, tetherotel.Register(app, provider, app))

	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Accept", "text/plain;version=0.0.4")
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	require.NoError(t, err)
	return families
}

func TestPrometheusGetsEverything(t *testing.T) {
	app := newOwner(t, "app")
	for _, p := range children(app, "player-", 3) {
		fill(p)
	}
	app.NewChild("evil\"} 1\n# TYPE x counter\nx")
	families := scrape(t, app)
	find := func(name string, kind dto.MetricType) map[string]float64 {
		t.Helper()
		f := families[name]
		require.NotNil(t, f, "%s of %v", name, families)
		require.Equal(t, kind, f.GetType(), name)
		require.NotEmpty(t, f.GetHelp(), name)
		got := make(map[string]float64)
		for _, m := range f.GetMetric() {
			group := ""
			for _, l := range m.GetLabel() {
				if l.GetName() == "tether_owner_name" {
					group = l.GetValue()
				}
			}
			got[group] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
		return got
	}
	evil := `"evil\"} #\n# TYPE x counter\nx"`
	group := func(app, player, other float64) map[string]float64 {
		return map[string]float64{"app": app, "player-#": player, evil: other}
	}
	require.Equal(t, group(1, 3, 1), find("tether_owner_count", dto.MetricType_GAUGE))
	require.Equal(t, group(0, 3, 0), find("tether_queue_count", dto.MetricType_GAUGE))
	require.Equal(t, group(0, 6, 0), find("tether_queue_depth", dto.MetricType_GAUGE))
	require.Equal(t, group(0, 15, 0), find("tether_queue_taken_total", dto.MetricType_COUNTER))
	require.Equal(t, group(0, 9, 0), find("tether_queue_dropped_total", dto.MetricType_COUNTER))
	require.Len(t, find("tether_owner_lost_total", dto.MetricType_COUNTER), 1)
	for _, name := range []string{"connection_count", "goroutine_count", "timer_count", "cleanup_count", "handler_count", "handler_stuck", "teardown_stuck"} {
		require.Len(t, find("tether_"+name, dto.MetricType_GAUGE), 3)
	}
	require.NotContains(t, families, "x")
}
