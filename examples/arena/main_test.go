package main

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnArenaStaysFlatAndLeavesNothing(t *testing.T) {
	assert.Empty(t, run(t.Output(), Options{Minutes: 6, Seed: 1}))
}

func TestAnArenaStaysFlatWhateverTheSeed(t *testing.T) {
	for seed := range uint64(3) {
		assert.Empty(t, run(io.Discard, Options{Minutes: 2, Seed: 100 + seed}), "seed %d", 100+seed)
	}
}

// An arena in which nothing happens would be flat, too.
func TestAnArenaHasSomethingToLose(t *testing.T) {
	rows, problems := play(io.Discard, Options{Minutes: 2, Seed: 1})
	require.Empty(t, problems)
	for _, r := range rows {
		assert.Positive(t, r.Players, "players in minute %d", r.Minute)
		assert.Positive(t, r.Awake, "springs in minute %d", r.Minute)
		assert.Less(t, r.Awake, 2*r.Players, "springs in minute %d: none rests", r.Minute)
		assert.Greater(t, r.Leased, r.Players, "shots in minute %d", r.Minute)
		assert.Positive(t, r.Loot, "loot in minute %d", r.Minute)
		assert.Positive(t, r.Skins, "skins in minute %d", r.Minute)
		assert.Equal(t, maxEvents, r.History, "events in minute %d", r.Minute)
		assert.Equal(t, maxGhosts, r.Ghosts, "ghosts in minute %d", r.Minute)
	}
}

func TestAPlantedLeakIsFound(t *testing.T) {
	finds := map[string]string{
		"lease":   "bodies on loan",
		"history": "the heap has grown",
		"ghost":   "ghosts",
		"loot":    "loot",
	}
	require.Len(t, finds, len(leaks))
	for _, leak := range leaks {
		t.Run(leak, func(t *testing.T) {
			rows, problems := play(t.Output(), Options{Minutes: 20, Seed: 1, Leak: leak})
			require.NotEmpty(t, problems)
			assert.Contains(t, strings.Join(problems, "\n"), finds[leak])
			assert.Less(t, len(rows), 20, "minutes until it was found")
		})
	}
}

func TestTheSameSeedIsTheSameGame(t *testing.T) {
	game := func(seed uint64) []Row {
		rows, problems := play(io.Discard, Options{Minutes: 1, Seed: seed})
		require.Empty(t, problems)
		for i := range rows {
			rows[i].Memory = Memory{}
		}
		return rows
	}
	assert.Equal(t, game(1), game(1))
	assert.NotEqual(t, game(1), game(2))
}
