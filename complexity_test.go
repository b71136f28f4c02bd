package tether_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// Every operation is linear in what it touches. Each row does something n times, or to
// something of size n; run prepares, and returns what is to be measured. It was
// quadratic or worse once.
//
// A row is measured with n and with 16 n, the least of several times each. Linear is 16
// times as long, and with colder caches up to three times that; quadratic is 256 times.
// The limit of 100 tells them apart on a busy machine.
var linear = []struct {
	name string
	n    int
	run  func(n int) func()
}{
	{"chain destroyed from the root, a cleanup each", 1000, func(n int) func() {
		root, _ := chainOf(n, func(o *tether.Owner) { o.Defer(func() {}) })
		return func() { root.Destroy() }
	}},
	{"chain destroyed from the leaf", 1000, func(n int) func() {
		_, all := chainOf(n, nil)
		return func() {
			for i := range all {
				all[len(all)-1-i].Destroy()
			}
		}
	}},
	{"chain destroyed from the leaf while the root drains", 1000, func(n int) func() {
		root, all := chainOf(n, func(o *tether.Owner) { o.Defer(func() {}) })
		hold := make(chan bool)
		root.Go(func(context.Context) { <-hold })
		root.Cancel(nil)
		return func() {
			for i := range len(all) - 1 {
				all[len(all)-1-i].Destroy()
			}
			close(hold)
			<-root.Ended()
		}
	}},
	{"chain cancelled, a context each", 1000, func(n int) func() {
		root, _ := chainOf(n, func(o *tether.Owner) { o.Context() })
		return func() { root.Cancel(nil); <-root.Ended() }
	}},
	{"chain of staged owners, an error each", 200, func(n int) func() {
		root := tether.NewOwner("root", tether.Staged())
		for o, i := root, 0; i < n; i++ {
			o = o.NewChild("child", tether.Staged())
			tether.Own(o, closeFunc(func() error { return errors.New("x") }))
		}
		return func() { root.Destroy() }
	}},
	{"wide tree, the oldest first", 2000, func(n int) func() { return destroyEach(n, false) }},
	{"wide tree, the newest first", 2000, func(n int) func() { return destroyEach(n, true) }},
	{"children with one context", 500, func(n int) func() {
		root := tether.NewOwner("root")
		ctx, cancel := context.WithCancel(context.Background())
		for range n {
			root.NewChild("child", tether.WithContext(ctx)).Context()
		}
		return func() { cancel(); root.Destroy() }
	}},
	{"supervised panics in a Fire", 200, func(n int) func() {
		o := supervised()
		var s tether.Signal[int]
		for range n {
			s.Connect(o, func(int) { panic("x") })
		}
		return func() { s.Fire(1); o.Destroy() }
	}},
	{"supervised panics in a Fire over several priorities", 200, func(n int) func() {
		o := supervised()
		var s tether.Signal[int]
		for i := range n {
			s.Connect(o, func(int) { panic("x") }, tether.Priority(i%7))
		}
		return func() { s.Fire(1); o.Destroy() }
	}},
	{"supervised panics on a queue", 200, func(n int) func() {
		o := supervised()
		q := tether.NewQueue(o, n, tether.Block, tether.Manual())
		var s tether.Signal[int]
		s.Connect(o, func(int) { panic("x") }, tether.On(q))
		return func() {
			for range n {
				s.Fire(1)
			}
			q.Drain()
			o.Destroy()
		}
	}},
	{"supervised panics in cleanups", 200, func(n int) func() {
		o := supervised()
		for range n {
			o.Defer(func() { panic("x") })
		}
		return func() { o.Destroy() }
	}},
	{"supervised panics in interrupts", 200, func(n int) func() {
		o := supervised()
		for range n {
			o.Interrupt(func() { panic("x") })
		}
		return func() { o.Destroy() }
	}},
	{"panics in a Fire", 1000, func(n int) func() {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		for i := range n {
			s.Connect(o, func(int) { panic(i) })
		}
		return func() { mustPanic(n-1, func() { s.Fire(1) }); o.Destroy() }
	}},
	{"panics in a Drain", 1000, func(n int) func() {
		o := tether.NewOwner("o")
		q := tether.NewQueue(o, n, tether.Block, tether.Manual())
		var s tether.Signal[int]
		s.Connect(o, func(v int) { panic(v) }, tether.On(q))
		return func() {
			for i := range n {
				s.Fire(i)
			}
			mustPanic(n-1, func() { q.Drain() })
			o.Destroy()
		}
	}},
	{"panics in cleanups", 1000, func(n int) func() {
		o := tether.NewOwner("o")
		for i := range n {
			o.Defer(func() { panic(n - 1 - i) })
		}
		return func() { mustPanic(n-1, func() { o.Destroy() }) }
	}},
	{"failing closers, and the text of their error", 1000, func(n int) func() {
		o := tether.NewOwner("o")
		for i := range n {
			tether.Own(o.NewChild("child"), failing{fmt.Errorf("close %d", i)})
		}
		return func() { _ = o.Destroy().Error() }
	}},
	{"failing closers down a chain", 1000, func(n int) func() {
		root, all := chainOf(n, func(o *tether.Owner) { tether.Own(o, failing{errors.New("x")}) })
		return func() {
			_ = root.Destroy().Error()
			_ = all[n/2].Destroy().Error()
		}
	}},
	{"priorities: connect", 1000, func(n int) func() {
		var s tether.Signal[int]
		o := tether.NewOwner("o")
		return func() { connectPriorities(&s, o, n); o.Destroy() }
	}},
	{"priorities: disconnect", 1000, func(n int) func() {
		var s tether.Signal[int]
		o := tether.NewOwner("o")
		all := connectPriorities(&s, o, n)
		return func() {
			for _, c := range all {
				c.Disconnect()
			}
			o.Destroy()
		}
	}},
	{"priorities: handlers that disconnect themselves in a Fire", 1000, func(n int) func() {
		var s tether.Signal[int]
		o := tether.NewOwner("o")
		for i := range n {
			s.Once(o, func(int) {}, tether.Priority(i))
			s.Connect(o, func(int) {}, tether.Priority(i))
		}
		return func() { s.Fire(1); o.Destroy() }
	}},
	{"Onces in one Fire", 1000, func(n int) func() {
		var s tether.Signal[int]
		o := tether.NewOwner("o")
		for range n {
			s.Once(o, func(int) {})
		}
		return func() { s.Fire(1); o.Destroy() }
	}},
	{"DropOldest behind Onces", 1000, func(n int) func() {
		o := tether.NewOwner("o")
		q := tether.NewQueue(o, n+1, tether.DropOldest, tether.Manual())
		var once, s tether.Signal[int]
		for range n {
			once.Once(o, func(int) {}, tether.On(q))
		}
		once.Fire(1)
		s.Connect(o, func(int) {}, tether.On(q))
		return func() {
			for i := range n {
				s.Fire(i)
			}
			o.Destroy()
		}
	}},
	{"Flushes that are given up", 200, func(n int) func() {
		o := tether.NewOwner("o")
		q := tether.NewQueue(o, 1, tether.Block)
		var s tether.Signal[int]
		hold := make(chan bool)
		s.Connect(o, func(int) { <-hold }, tether.On(q))
		s.Fire(1)
		ctx, cancel := context.WithCancel(context.Background())
		return func() {
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() { q.Flush(ctx) })
			}
			runtime.Gosched()
			cancel()
			wg.Wait()
			close(hold)
			o.Destroy()
		}
	}},
	{"mutes and unmutes", 1000, func(n int) func() {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		var all []*tether.Connection
		for range n {
			all = append(all, s.Connect(o, func(int) {}))
		}
		return func() {
			var unmute []func()
			for _, c := range all {
				unmute = append(unmute, c.Mute())
			}
			s.Fire(1)
			for _, u := range unmute {
				u()
			}
			o.Destroy()
		}
	}},
	{"interrupts", 1000, func(n int) func() {
		o := tether.NewOwner("o")
		for range n {
			o.Interrupt(func() {})
		}
		return func() { o.Destroy() }
	}},
	{"toggles of WhileActive", 200, func(n int) func() {
		o := tether.NewOwner("o")
		s := tether.NewSignal[int](o, tether.WhileActive(func(a *tether.Owner) {}))
		return func() {
			for range n {
				s.Connect(o, func(int) {}).Disconnect()
			}
			o.Destroy()
		}
	}},
	{"owned goroutines that wait for one owner", 50, func(n int) func() {
		a, b := tether.NewOwner("a"), tether.NewOwner("b")
		hold := make(chan bool)
		b.Go(func(context.Context) { <-hold })
		return func() {
			for range n {
				a.Go(func(context.Context) { b.Destroy() })
			}
			runtime.Gosched()
			close(hold)
			b.Destroy()
			a.Destroy()
		}
	}},
}

func chainOf(n int, each func(*tether.Owner)) (root *tether.Owner, all []*tether.Owner) {
	root = tether.NewOwner("root")
	all = append(all, root)
	for o := root; len(all) <= n; all = append(all, o) {
		o = o.NewChild("child")
		if each != nil {
			each(o)
		}
	}
	return root, all
}

func destroyEach(n int, newestFirst bool) func() {
	root := tether.NewOwner("root")
	all := make([]*tether.Owner, n)
	for i := range all {
		all[i] = root.NewChild("child")
	}
	return func() {
		for i := range all {
			if newestFirst {
				i = n - 1 - i
			}
			all[i].Destroy()
		}
		root.Destroy()
	}
}

func supervised() *tether.Owner {
	return tether.NewOwner("o", tether.WithPanicHandler(func(*tether.PanicError) {}))
}

func connectPriorities(s *tether.Signal[int], o *tether.Owner, n int) (all []*tether.Connection) {
	for i := range n {
		all = append(all, s.Connect(o, func(int) {}, tether.Priority(i*7919%n)))
	}
	return all
}

func mustPanic(value any, f func()) {
	defer func() {
		if r := recover(); r != value {
			panic(fmt.Sprintf("recovered %v, want %v", r, value))
		}
	}()
	f()
}

type failing struct{ err error }

func (f failing) Close() error { return f.err }

func TestComplexity_IsLinear(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector's own costs are not linear; the same code is tested without it")
	}
	least := func(n int, run func(n int) func()) time.Duration {
		d := time.Hour
		for range 5 {
			f := run(n)
			runtime.GC()
			d = min(d, testkit.CPU(f))
		}
		return d
	}
	for _, row := range linear {
		t.Run(row.name, func(t *testing.T) {
			var small, large time.Duration
			for range 3 { // a machine may be busy once, and twice
				small = max(least(row.n, row.run), 20*time.Microsecond)
				large = least(16*row.n, row.run)
				t.Logf("%d: %v, %d: %v, %.1f times as long", row.n, small, 16*row.n, large, float64(large)/float64(small))
				if large < 100*small {
					return
				}
			}
			assert.Less(t, large, 100*small)
		})
	}
}

// A child costs the same wherever it is: its making and its end touch its parent alone.
func TestComplexity_OfAChildDoesNotDependOnItsDepth(t *testing.T) {
	least := func(depth int) time.Duration {
		root, all := chainOf(depth, nil)
		defer root.Destroy()
		d := time.Hour
		for range 10 {
			d = min(d, testkit.CPU(func() {
				for range 200 {
					all[depth].NewChild("leaf").Destroy()
				}
			}))
		}
		return d
	}
	shallow, deep := least(10), least(50_000)
	require.Less(t, deep, 20*shallow, "10 deep: %v, 50 000 deep: %v", shallow, deep)
}

// What is as deep as this overflowed the stack, or took hours.
func TestComplexity_AMillionDeep(t *testing.T) {
	if testing.Short() || testkit.Race {
		t.Skip("needs some 400 MB")
	}
	for name, end := range map[string]func(o *tether.Owner){
		"Destroy": func(o *tether.Owner) { require.NoError(t, o.Destroy()) },
		"Cancel":  func(o *tether.Owner) { o.Cancel(nil); <-o.Ended() },
	} {
		root := tether.NewOwner("root")
		leaf := root
		ended := 0
		for i := range 1_000_000 {
			leaf = leaf.NewChild("x")
			if i%10 == 0 {
				leaf.Defer(func() { ended++ })
			}
		}
		require.True(t, leaf.Alive())
		end(root)
		require.Equal(t, 100_000, ended, name)
		<-leaf.Ended()
	}
}

// A million panics in one Fire were a fatal error that nobody can recover.
func TestComplexity_AMillionPanicsInOneFire(t *testing.T) {
	if testing.Short() || testkit.Race {
		t.Skip("takes a second, or ten with the race detector")
	}
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	const n = 1_000_000
	for i := range n {
		s.Connect(app, func(int) { panic(i) })
	}
	mustPanic(n-1, func() { s.Fire(1) })
}

// A dead owner that is given one failing closer after the other kept all their errors.
func TestDestroy_TheErrorsOfWhatComesTooLateAreBounded(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		root := tether.NewOwner("root")
		child := root.NewChild("child")
		first := errors.New("in time")
		tether.Own(child, failing{first})
		require.ErrorIs(t, root.Destroy(), first)
		for i := range 10_000 {
			tether.Own(child, failing{fmt.Errorf("late %d", i)})
			tether.Own(root.NewChild("late"), failing{fmt.Errorf("late child %d", i)})
		}
		for _, o := range []*tether.Owner{root, child} {
			err := o.Destroy()
			require.ErrorIs(t, err, first)
			require.ErrorContains(t, err, "late 0")
			require.ErrorContains(t, err, "more")
			require.Less(t, len(err.Error()), 1000)
		}
		require.ErrorContains(t, root.Destroy(), "and 19991 more")
	})
}
