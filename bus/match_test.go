package bus_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// check publishes to a name and has the naive matcher say which of the patterns are to get it.
func checkMatch(t *testing.T, b *bus.Bus, name string, patterns []string, got map[int]int) {
	t.Helper()
	clear(got)
	require.NoError(t, bus.Named[int](b, name).Publish(bg, 1))
	for i, p := range patterns {
		want := 0
		if p != "" && matches(p, name) {
			want = 1
		}
		require.Equal(t, want, got[i], "pattern %q, name %q", p, name)
	}
}

func TestMatch_AsTheNaiveMatcherSays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	token := func(wild bool) string {
		if wild && r.IntN(3) == 0 {
			return "*"
		}
		return string(rune('a' + r.IntN(3)))
	}
	some := func(wild bool) string {
		var tokens []string
		for range 1 + r.IntN(4) {
			tokens = append(tokens, token(wild))
		}
		if wild && r.IntN(4) == 0 {
			tokens[len(tokens)-1] = ">"
		}
		return strings.Join(tokens, ".")
	}
	for range 50 {
		app, b := newBus(t)
		var patterns []string
		var conns []*tether.Connection
		got := map[int]int{}
		for i := range 60 {
			p := some(true)
			patterns = append(patterns, p)
			conns = append(conns, bus.Matching[int](b, p).Connect(app, func(m bus.Message[int]) {
				require.Equal(t, 1, m.Value)
				require.True(t, matches(p, m.Topic))
				got[i]++
			}))
			checkMatch(t, b, some(false), patterns, got)
			if r.IntN(2) == 0 {
				i := r.IntN(len(patterns))
				conns[i].Disconnect()
				patterns[i] = ""
				checkMatch(t, b, some(false), patterns, got)
			}
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range [][2]string{{"a", "a"}, {"a.*", "a.b"}, {"a.>", "a"}, {">", "a.b"}, {"*.>", "a.b.c"}, {"a.b", "a"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if bus.CheckPattern(pattern) != nil || bus.CheckName(name) != nil {
			t.Skip()
		}
		app := tether.NewOwner("app")
		defer app.Destroy()
		b := bus.New(app, "bus")
		got := false
		c := bus.Matching[int](b, pattern).Connect(app, func(bus.Message[int]) { got = true })
		topic := bus.Named[int](b, name)
		want := matches(pattern, name)
		if topic.Wanted() != want {
			t.Errorf("Wanted is %v", !want)
		}
		if err := topic.Publish(bg, 1); err != nil || got != want {
			t.Errorf("got %v, want %v, error %v", got, want, err)
		}
		got = false
		c.Disconnect()
		if err := topic.Publish(bg, 1); err != nil || got {
			t.Errorf("got it after Disconnect, error %v", err)
		}
		if b.Patterns() != 0 {
			t.Errorf("%d branches are left", b.Patterns())
		}
	})
}

// Patterns and topics that have nothing to do with a name cost it nothing: the time is that
// of few, give or take what the caches of the processor do.
func TestMatch_IsFlatInTheNumberOfOthers(t *testing.T) {
	if testing.Short() || testkit.Race {
		t.Skip("times")
	}
	app, b := newBus(t)
	add := func(from, to int) {
		for i := from; i < to; i++ {
			bus.Matching[int](b, fmt.Sprintf("x%d.*.%d", i%1000, i)).Connect(app, func(bus.Message[int]) {})
			bus.Named[int](b, fmt.Sprintf("y%d.%d", i%1000, i)).Connect(app, func(int) {})
		}
	}
	bus.Matching[int](b, "a.*.>").Connect(app, func(bus.Message[int]) {})
	quiet := func() time.Duration {
		least := time.Hour
		for range 200 {
			began := time.Now()
			for range 100 {
				_ = bus.Named[int](b, "a.b.c").Publish(bg, 1) // a fresh handle finds its way anew
			}
			least = min(least, time.Since(began)/100)
		}
		return least
	}
	add(0, 100)
	few := quiet()
	add(100, 100_000)
	many := quiet()
	t.Logf("with 100 others %v, with 100 000 %v", few, many)
	require.Less(t, many, 4*few)
}
