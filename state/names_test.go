package state_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/state"
)

// cycleOf returns the error of a value called name that needs itself.
func cycleOf(t *testing.T, name string) *state.CycleError {
	var c *state.Computed[int]
	c = state.NewComputed(app(t), func(use *state.Use) int { return c.Use(use) }, state.Name(name))
	err, ok := panicOf(func() { c.Get() }).(*state.CycleError)
	require.True(t, ok)
	return err
}

// A name could forge a line of a log, command the terminal, or look like two.
func TestCycleError_QuotesNamesThatCouldBeTakenForSomethingElse(t *testing.T) {
	for _, name := range []string{"bob\n2026-01-01 level=ERROR", "\x1b[2J", `"q`, "\xff", "\u202e", "a -> b", "a->b"} {
		err := cycleOf(t, name)
		require.Equal(t, []string{name, name}, err.Names, "a program gets them raw")
		require.Equal(t, "state: cycle: "+strconv.Quote(name)+" -> "+strconv.Quote(name), err.Error())
	}
	for _, name := range []string{"total", "a/b", "/src/main.go:17", "two words"} {
		require.Equal(t, "state: cycle: "+name+" -> "+name, cycleOf(t, name).Error())
	}
}

func TestComputed_AGetThatWouldWaitNamesWhomQuoted(t *testing.T) {
	var c *state.Computed[int]
	c = state.NewComputed(app(t), func(*state.Use) int { return c.Get() }, state.Name("x\ny"))
	require.Contains(t, panicOf(func() { c.Get() }), `has to wait for "x\ny";`)
}
