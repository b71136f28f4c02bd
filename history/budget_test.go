package history_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// What a latest value costs that is kept for each of many, besides the signal: most of it is
// the connection.
func TestRecord_TakesItsBudgetOfMemory(t *testing.T) {
	const n, budget = 20_000, 400
	app := tether.NewOwner("app")
	defer app.Destroy()
	sources := make([]tether.Signal[int], n)
	before := testkit.Heap()
	for i := range sources {
		history.Record(app, &sources[i], 1)
	}
	each := (testkit.Heap() - before) / n
	runtime.KeepAlive(sources)
	t.Logf("%d B", each)
	if !testkit.Race {
		require.LessOrEqual(t, each, int64(budget), "bytes of a ring of one value")
	}
}
