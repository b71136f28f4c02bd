package keyed_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/keyed"
)

// What a player, session or device costs decides whether owners can be used for them.
func TestMap_AnEntryTakesItsBudgetOfMemory(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector adds to what is allocated")
	}
	const n, budget = 20_000, 450
	app := tether.NewOwner("app")
	defer app.Destroy()
	value := new(int) // the value's own size is not the entry's
	players := keyed.NewMap(app, "players", func(*tether.Owner, int) *int { return value })
	before := testkit.Heap()
	for i := range n {
		players.Get(i)
	}
	each := (testkit.Heap() - before) / n
	runtime.KeepAlive(players)
	t.Logf("%d B", each)
	require.LessOrEqual(t, each, int64(budget), "bytes of an entry")
}
