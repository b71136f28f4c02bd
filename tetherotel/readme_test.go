package tetherotel_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/seed-ec287111/tether/tetherotel"
)

// The tables of README.md and of the package's comment are those of a collection.
func TestTheTablesAreRight(t *testing.T) {
	app := newOwner(t, "app")
	provider, reader := newProvider()
	require.NoError(t, tetherotel.Register(app, provider, app))
	var rm metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &rm))
	units := make(map[string]string)
	counters := make(map[string]bool)
	for _, m := range rm.ScopeMetrics[0].Metrics {
		units[m.Name] = m.Unit
		counters[m.Name] = m.Data.(metricdata.Sum[int64]).IsMonotonic
	}

	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| `(tether[a-z.]+)` \\| `(.*?)` \\| `(.*?)` \\| ").FindAllStringSubmatch(string(text), -1)
	require.Len(t, rows, len(units))
	for _, row := range rows {
		require.Equal(t, units[row[1]], row[2], row[1])
		prometheus := strings.ReplaceAll(row[1], ".", "_")
		if counters[row[1]] {
			prometheus += "_total"
		}
		require.Equal(t, prometheus, row[3])
	}

	text, err = os.ReadFile("doc.go")
	require.NoError(t, err)
	lines := regexp.MustCompile(`(?m)^//\t(tether\.\S+) +(\{\w+\}) +(counter: )?`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, lines, len(units))
	for _, l := range lines {
		require.Equal(t, units[l[1]], l[2], l[1])
		require.Equal(t, counters[l[1]], l[3] != "", l[1])
	}
}

func TestTheProgramOfTheReadmeCompiles(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	program := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindStringSubmatch(string(text))
	require.NotNil(t, program)
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(program[1]), 0o600))
	out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
