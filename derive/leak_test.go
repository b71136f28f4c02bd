package derive_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/inspect"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// A chain leaves nothing: neither in the books nor on the heap.
func TestLeak_ChainsComeAndGoWithoutATrace(t *testing.T) {
	n := 100_000
	if testing.Short() || testkit.Race {
		n = 5_000
	}
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s, stop tether.Signal[int]
	flat(t, app, 10*n, func() {
		three := derive.Map(derive.Scan(derive.Filter(&s, even), 0, sum), ten)
		c := three.Connect(app, func(int) {})
		s.Fire(2)
		c.Disconnect()
	})
	src := derive.Until(derive.Debounce(derive.Scan(derive.Map(&s, ten), 0, sum), time.Hour), &stop)
	switched := derive.Switch(&s, func(*tether.Owner, int) tether.Source[[]int] { return derive.Buffer(&stop, 2, time.Hour) })
	flat(t, app, n, func() {
		c := src.Connect(app, func(int) {})
		d := switched.Connect(app, func([]int) {})
		s.Fire(1) // arms the timer
		stop.Fire(1)
		c.Disconnect()
		d.Disconnect()
	})
	require.Zero(t, s.Len())
	require.Zero(t, stop.Len())
}

// flat requires that what one does n times leaves nothing in app nor on the heap.
func flat(t *testing.T, app *tether.Owner, n int, one func()) {
	t.Helper()
	for range 1000 {
		one()
	}
	before, goroutines := testkit.Heap(), runtime.NumGoroutine()
	for range n {
		one()
	}
	waitFor(t, func() bool { return app.Stats() == tether.Stats{Owners: 1} })
	require.Less(t, testkit.Heap()-before, int64(200_000))
	waitFor(t, func() bool { return runtime.NumGoroutine() <= goroutines })
}

func named(int) {}

// Package inspect shows a chain as what it is made of: the user's handler with its file, what
// the operators connect and set under their names.
func TestChain_IsShownByInspectAsTheUsersHandlersAndTheOperators(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	derive.Map(derive.Scan(&s, 0, sum), ten).Connect(app, named)
	derive.Debounce(&s, time.Hour).Connect(app, named)
	derive.Switch(&s, func(*tether.Owner, int) tether.Source[int] { return &s }).Connect(app, named)
	derive.Chan(app, derive.Map(&s, ten), 1, tether.DropNewest)
	s.Fire(1)
	info := inspect.Of(app)
	names := map[string]int{}
	for _, c := range info.Connections {
		require.Equal(t, "int", c.Signal)
		names[c.Handler.Name]++
		require.Equal(t, strings.HasSuffix(c.Handler.Name, "derive_test.named"), c.Handler.File != "", c.Handler.Name)
	}
	require.Equal(t, map[string]int{
		"github.com/seed-ec287111/tether/derive_test.named": 3, "derive": 1, "derive.Debounce": 1, "derive.Switch": 1, "derive.Map": 1, "derive.Chan": 1,
	}, names)
	require.Len(t, info.Timers, 1)
	require.Equal(t, "derive", info.Timers[0].Name)
	for child := range info.Children() {
		require.Equal(t, "switch", child.Name)
		require.Len(t, child.Connections, 1)
	}
}

// An ended connection holds neither the chain nor the handler.
func TestLeak_AnEndedConnectionHoldsNothing(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	c, w := func() (*tether.Connection, weak.Pointer[[100]int]) {
		big := new([100]int)
		c := derive.Scan(derive.Map(&s, func(v int) int { return v + big[0] }), 0, sum).Connect(app, func(v int) { big[1] = v })
		s.Fire(1)
		return c, weak.Make(big)
	}()
	runtime.GC()
	require.NotNil(t, w.Value())
	c.Disconnect()
	waitFor(t, func() bool { runtime.GC(); return w.Value() == nil })
	runtime.KeepAlive(c)
}

// A held Fire puts something into the books of the goroutine's owner, and takes it out.
func TestLeak_AHeldFireLeavesNothingWithItsOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var s tether.Signal[int]
		ch := make(chan int)
		derive.Send(app, &s, ch)
		firer := app.NewChild("firer")
		firer.Go(func(ctx context.Context) {
			for ctx.Err() == nil {
				s.Fire(1)
			}
		})
		receive := func(n int) {
			for range n {
				synctest.Wait() // the Fire is held
				<-ch
			}
		}
		receive(1000)
		before := testkit.Heap()
		receive(5000)
		require.Less(t, testkit.Heap()-before, int64(200_000))
	})
}

// A value that was given, or has given way to another, is not held by the chain that goes
// on.
func TestLeak_AGivenValueIsNotHeld(t *testing.T) {
	type big = *[100]int
	for name, op := range map[string]func(s, other tether.Source[big]) tether.Source[big]{
		"Sample":   func(s, other tether.Source[big]) tether.Source[big] { return derive.Sample(s, other) },
		"Debounce": func(s, _ tether.Source[big]) tether.Source[big] { return derive.Debounce(s, time.Millisecond) },
		"Throttle": func(s, _ tether.Source[big]) tether.Source[big] {
			return derive.Throttle(s, time.Millisecond, derive.Both)
		},
		"Take": func(s, _ tether.Source[big]) tether.Source[big] { return derive.Take(s, 5) },
		"Buffer": func(s, _ tether.Source[big]) tether.Source[big] {
			return derive.Map(derive.Buffer(s, 1, 0), func(vs []big) big { return vs[0] })
		},
	} {
		app := tether.NewOwner("app")
		var s, other tether.Signal[big]
		given := make(chan bool, 1)
		c := op(&s, &other).Connect(app, func(big) { given <- true })
		w := func() weak.Pointer[[100]int] {
			v := new([100]int)
			s.Fire(v)
			other.Fire(nil)
			return weak.Make(v)
		}()
		<-given
		waitFor(t, func() bool { runtime.GC(); return w.Value() == nil })
		require.True(t, c.Connected(), name)
		app.Destroy()
	}
}
