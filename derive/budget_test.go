package derive_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// Three stateless operators cost at most twice what three nested closures do. The two take
// turns in short slices, of which the least counts: what else the machine does can only add.
func TestBudget_AChainOfThreeCostsAtMostTwiceThatOfClosures(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var a, b tether.Signal[int]
	sum := 0
	h := func(v int) { sum += v }
	a.Connect(app, nested(h, 3))
	mapped(&b, 3).Connect(app, h)
	slice := func(s *tether.Signal[int]) time.Duration {
		begin := time.Now()
		for i := range 2000 {
			s.Fire(i)
		}
		return time.Since(begin)
	}
	floor, cost := time.Hour, time.Hour
	for range 2000 {
		floor = min(floor, slice(&a))
		cost = min(cost, slice(&b))
	}
	t.Logf("%.1f ns, closures %.1f ns", float64(cost.Nanoseconds())/2000, float64(floor.Nanoseconds())/2000)
	if !testkit.Race {
		require.LessOrEqual(t, cost, 2*floor)
	}
}

func TestBudget_AValueAllocatesNothing(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	for name, op := range map[string]func(tether.Source[int]) tether.Source[int]{
		"stateless": func(s tether.Source[int]) tether.Source[int] {
			return derive.FilterMap(derive.Filter(derive.Map(derive.Merge(s), ten), even), func(v int) (int, bool) { return v, true })
		},
		"Scan":     func(s tether.Source[int]) tether.Source[int] { return derive.Scan(s, 0, sum) },
		"Distinct": derive.Distinct[int],
		"Latest":   func(s tether.Source[int]) tether.Source[int] { return derive.Latest(s, s, sum) },
		"Throttle": func(s tether.Source[int]) tether.Source[int] { return derive.Throttle(s, time.Hour, derive.Leading) },
		"Share":    func(s tether.Source[int]) tether.Source[int] { return derive.Share(app, s) },
	} {
		var s tether.Signal[int]
		n := 0
		op(&s).Connect(app, func(v int) { n += v })
		v := 0
		require.Zero(t, testing.AllocsPerRun(1000, func() { v++; s.Fire(v) }), name)
	}
}
