package scenario

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

// Groups of curves, a picture each.
const (
	Trees  = "Trees of owners"
	Panics = "Panics and errors"
	Conns  = "Connections"
	Others = "Queues, keys and cut-offs"
)

// Groups in their order.
var Groups = []string{Trees, Panics, Conns, Others}

// Curves are all operations that touch n things, or stand beside n: each is to be
// linear in what it touches.
var Curves = []Curve{
	{Name: "chain with a cleanup each, destroyed from its root", Short: "chain from the root", Group: Trees, run: chainFromRoot},
	{Name: "chain, destroyed from its leaf, one by one", Short: "chain from the leaf", Group: Trees, run: chainFromLeaf},
	{Name: "child made and ended below n owners", Short: "child at depth n", Group: Trees, Each: true, run: childAtDepth},
	{Name: "n children destroyed, oldest first", Short: "children, oldest first", Group: Trees, run: func(n int) time.Duration { return children(n, false) }},
	{Name: "n children destroyed, newest first", Short: "children, newest first", Group: Trees, run: func(n int) time.Duration { return children(n, true) }},
	{Name: "n children destroyed by their parent", Short: "children by their parent", Group: Trees, run: childrenByParent},

	{Name: "supervised panics in a Fire", Short: "Fire, supervised", Group: Panics, run: func(n int) time.Duration { return panicsInFire(n, supervised()) }},
	{Name: "unsupervised panics in a Fire", Short: "Fire, unsupervised", Group: Panics, run: func(n int) time.Duration { return panicsInFire(n) }},
	{Name: "supervised panics in a queue", Short: "queue, supervised", Group: Panics, run: func(n int) time.Duration { return panicsInQueue(n, supervised()) }},
	{Name: "unsupervised panics in a queue", Short: "queue, unsupervised", Group: Panics, run: func(n int) time.Duration { return panicsInQueue(n) }},
	{Name: "supervised panics in cleanups", Short: "cleanups, supervised", Group: Panics, run: func(n int) time.Duration { return panicsInCleanups(n, supervised()) }},
	{Name: "unsupervised panics in cleanups", Short: "cleanups, unsupervised", Group: Panics, run: func(n int) time.Duration { return panicsInCleanups(n) }},
	{Name: "closers that fail", Short: "failing closers", Group: Panics, run: failingClosers},
	{Name: "text of their error", Short: "text of their error", Group: Panics, run: textOfErrors},

	{Name: "n priorities: connect", Short: "connect", Group: Conns, run: func(n int) time.Duration { t, _, _ := priorities(n); return t }},
	{Name: "n priorities: disconnect", Short: "disconnect", Group: Conns, run: func(n int) time.Duration { _, t, _ := priorities(n); return t }},
	{Name: "n priorities: Destroy", Short: "Destroy", Group: Conns, run: func(n int) time.Duration { _, _, t := priorities(n); return t }},
	{Name: "mute, Fire, unmute", Short: "mutes", Group: Conns, run: mutes},
	{Name: "WhileActive, toggled", Short: "WhileActive toggles", Group: Conns, run: toggles},

	{Name: "DropOldest behind n Onces", Short: "DropOldest", Group: Others, run: dropOldest},
	{Name: "concurrent Flushes, cancelled", Short: "Flushes", Group: Others, Max: 64_000, run: flushes},
	{Name: "generations of one key, ended at once", Short: "keyed generations", Group: Others, Max: 64_000, run: generations},
	{Name: "children of one context, cancelled", Short: "contexts", Group: Others, run: contexts},
	{Name: "interrupts", Short: "interrupts", Group: Others, run: interrupts},
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func supervised() tether.OwnerOption {
	return tether.WithPanicHandler(func(*tether.PanicError) {})
}

// recovered returns how long f took to panic.
func recovered(f func()) time.Duration {
	return timed(func() {
		defer func() { _ = recover() }()
		f()
	})
}

// chainOf returns n owners, each the child of the one before.
func chainOf(n int) []*tether.Owner {
	all := []*tether.Owner{tether.NewOwner("root")}
	for len(all) < n {
		all = append(all, all[len(all)-1].NewChild("child"))
	}
	return all
}

func chainFromRoot(n int) time.Duration {
	all := chainOf(n)
	for _, o := range all {
		o.Defer(func() {})
	}
	return timed(func() { all[0].Destroy() })
}

func chainFromLeaf(n int) time.Duration {
	all := chainOf(n)
	return timed(func() {
		for i := range all {
			all[n-1-i].Destroy()
		}
	})
}

func childAtDepth(n int) time.Duration {
	all := chainOf(n)
	leaf := all[n-1]
	took := timed(func() {
		for range eachOf {
			leaf.NewChild("child").Destroy()
		}
	})
	all[0].Cancel(nil)
	return took
}

func children(n int, newest bool) time.Duration {
	root := tether.NewOwner("root")
	defer root.Destroy()
	all := make([]*tether.Owner, n)
	for i := range all {
		all[i] = root.NewChild("child")
	}
	return timed(func() {
		for i := range all {
			if newest {
				i = n - 1 - i
			}
			all[i].Destroy()
		}
	})
}

func childrenByParent(n int) time.Duration {
	root := tether.NewOwner("root")
	for range n {
		root.NewChild("child").Defer(func() {})
	}
	return timed(func() { root.Destroy() })
}

func panicsInFire(n int, opts ...tether.OwnerOption) time.Duration {
	o := tether.NewOwner("owner", opts...)
	defer o.Destroy()
	var s tether.Signal[int]
	for range n {
		s.Connect(o, func(int) { panic("wanted") })
	}
	return recovered(func() { s.Fire(1) })
}

func panicsInQueue(n int, opts ...tether.OwnerOption) time.Duration {
	o := tether.NewOwner("owner", opts...)
	defer o.Destroy()
	var s tether.Signal[int]
	q := tether.NewQueue(o, n, tether.Block, tether.Manual())
	s.Connect(o, func(int) { panic("wanted") }, tether.On(q))
	for i := range n {
		s.Fire(i)
	}
	return recovered(func() { q.Drain() })
}

func panicsInCleanups(n int, opts ...tether.OwnerOption) time.Duration {
	o := tether.NewOwner("owner", opts...)
	for range n {
		o.Defer(func() { panic("wanted") })
	}
	return recovered(func() { o.Destroy() })
}

// A failing closer fails by its number.
type failing int

func (f failing) Close() error { return fmt.Errorf("closer %d failed", int(f)) }

func closers(n int) *tether.Owner {
	o := tether.NewOwner("owner")
	for i := range n {
		tether.Own(o, failing(i))
	}
	return o
}

func failingClosers(n int) time.Duration {
	o := closers(n)
	return timed(func() { o.Destroy() })
}

func textOfErrors(n int) time.Duration {
	err := closers(n).Destroy()
	return timed(func() { _ = err.Error() })
}

func priorities(n int) (connect, disconnect, destroy time.Duration) {
	o := tether.NewOwner("owner")
	var s tether.Signal[int]
	h := func(int) {}
	conns := make([]*tether.Connection, n)
	fill := func() {
		for i := range conns {
			conns[i] = s.Connect(o, h, tether.Priority(-i))
		}
	}
	connect = timed(fill)
	disconnect = timed(func() {
		for _, c := range conns {
			c.Disconnect()
		}
	})
	fill()
	return connect, disconnect, timed(func() { o.Destroy() })
}

func mutes(n int) time.Duration {
	o := tether.NewOwner("owner")
	defer o.Destroy()
	var s tether.Signal[int]
	conns := make([]*tether.Connection, n)
	for i := range conns {
		conns[i] = s.Connect(o, func(int) {})
	}
	unmute := make([]func(), n)
	return timed(func() {
		for i, c := range conns {
			unmute[i] = c.Mute()
		}
		s.Fire(1)
		for _, f := range unmute {
			f()
		}
	})
}

func toggles(n int) time.Duration {
	o := tether.NewOwner("owner")
	defer o.Destroy()
	s := tether.NewSignal[int](o, tether.WhileActive(func(active *tether.Owner) { active.Defer(func() {}) }))
	return timed(func() {
		for range n {
			s.Connect(o, func(int) {}).Disconnect()
		}
	})
}

// dropOldest fires n values into a queue that is full of Onces, the oldest of
// which are spent.
func dropOldest(n int) time.Duration {
	o := tether.NewOwner("owner")
	defer o.Destroy()
	q := tether.NewQueue(o, n, tether.DropOldest, tether.Manual())
	var onces, s tether.Signal[int]
	for range n {
		onces.Once(o, func(int) {}, tether.On(q))
	}
	onces.Fire(1)
	s.Connect(o, func(int) {}, tether.On(q))
	return timed(func() {
		for i := range n {
			s.Fire(i)
		}
	})
}

// flushes has n goroutines wait for a queue that is held, and cancels them.
func flushes(n int) time.Duration {
	o := tether.NewOwner("owner")
	defer o.Destroy()
	hold := make(chan bool)
	defer close(hold)
	q := tether.NewQueue(o, 1, tether.Block)
	var s tether.Signal[int]
	s.Connect(o, func(int) { <-hold }, tether.On(q))
	s.Fire(1)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	before := runtime.NumGoroutine()
	for range n {
		all.Go(func() { _ = q.Flush(ctx) })
	}
	for runtime.NumGoroutine() < before+n {
		runtime.Gosched()
	}
	return timed(func() {
		cancel()
		all.Wait()
	})
}

// generations has n owners of one key that are cut off and held by a goroutine
// each, lets go of them, and waits for their end.
func generations(n int) time.Duration {
	o := tether.NewOwner("owner")
	group := keyed.New[string](o, "group")
	hold := make(chan bool)
	return timed(func() {
		for range n {
			g := group.Get("key")
			g.Go(func(context.Context) { <-hold })
			g.Cancel(nil)
		}
		close(hold)
		o.Destroy()
	})
}

func contexts(n int) time.Duration {
	o := tether.NewOwner("owner")
	ctx, cancel := context.WithCancel(context.Background())
	for range n {
		o.NewChild("child", tether.WithContext(ctx)).Context()
	}
	return timed(func() {
		cancel()
		o.Destroy()
	})
}

func interrupts(n int) time.Duration {
	o := tether.NewOwner("owner")
	for range n {
		o.Interrupt(func() {})
	}
	return timed(func() { o.Destroy() })
}
