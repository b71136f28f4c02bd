package scenario

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/keyed"
)

// Costs measures what the budgets are judged by. All is made anew each time: no
// budget hangs on where things happen to lie in memory.
func (b *Bench) Costs() {
	for _, n := range []int{0, 1, 10, 100, 1000} {
		b.costFire(n)
	}
	b.costFirers()
	b.costMany()
	b.costOwned()
	b.costQueue()
	b.costIdle(1)
	b.costIdle(1000)
	b.costIdleThreads()
	b.costState()
}

func (b *Bench) costState() {
	b.costChain()
	b.costFan()
	b.costGraphs()
	b.costStreams()
	b.costValues()
}

// A variant is one of those that alternate.
type variant struct {
	who   string
	n     int
	trial measure.Trial
}

// alternate notes what the variants cost, so many values each. It leaves no garbage
// of others to them.
func (b *Bench) alternate(what string, variants ...variant) {
	quiet()
	trials := make([]measure.Trial, len(variants))
	for i, v := range variants {
		trials[i] = v.trial
	}
	for i, s := range measure.Alternate(b.Slices, b.Short, trials...) {
		b.Book.Add(what, variants[i].who, variants[i].n, s.Values...)
	}
}

// costFire measures Fire beside the bare loop, which stands in the measuring
// function itself and ranges over the slice of a heap object, beside that loop in a
// function of its own, as Fire is one, beside that with what no Fire can be without, also if
// the handlers have an owner each, and beside a slice under a lock. All call the same
// closures, and none by way of an interface.
func (b *Bench) costFire(n int) {
	handlers := peers.Handlers(n)
	loop := &peers.Bare[int]{Handlers: handlers}
	floor := &floor{handlers: handlers}
	slice := new(peers.LockedSlice[int])
	app := tether.NewOwner("app")
	defer app.Destroy()
	shared, apart := new(tether.Signal[int]), new(tether.Signal[int])
	for _, h := range handlers {
		slice.Connect(h)
		shared.Connect(app, h)
		apart.Connect(app.NewChild("child"), h)
	}
	fire := func(s *tether.Signal[int]) measure.Trial {
		return measure.Timed(func(k int) {
			for i := range k {
				s.Fire(i)
			}
		})
	}
	b.alternate(CostFire,
		variant{Bare, n, measure.Timed(func(k int) {
			for i := range k {
				for _, f := range loop.Handlers {
					f(i)
				}
			}
		})},
		variant{called, n, measure.Timed(func(k int) {
			for i := range k {
				call(loop, i)
			}
		})},
		variant{least, n, measure.Timed(func(k int) {
			for i := range k {
				floor.fire(i)
			}
		})},
		variant{leastEach, n, measure.Timed(func(k int) {
			for i := range k {
				floor.fireEach(i)
			}
		})},
		variant{locked, n, measure.Timed(func(k int) {
			for i := range k {
				slice.Fire(i)
			}
		})},
		variant{One, n, fire(shared)},
		variant{Each, n, fire(apart)})
	objects, _ := measure.Allocs(100, func() { apart.Fire(1) })
	b.Book.Add(FireAllocs, Each, n, objects)
}

//go:noinline
func call(loop *peers.Bare[int], v int) {
	for _, f := range loop.Handlers {
		f(v)
	}
}

// A floor does what no Fire can be without that lets a Destroy wait for it: it announces
// itself and takes that back, in one locked instruction each, and has a deferred function
// that would go on after a panic. It has one owner, no liveness and no snapshot.
type floor struct {
	running  atomic.Uint64
	panics   int
	_        [48]byte
	handlers []func(int)
}

//go:noinline
func (f *floor) fire(v int) {
	if !f.running.CompareAndSwap(0, 1) {
		return
	}
	over := false
	defer func() {
		if !over {
			f.panics++
		}
	}()
	for _, h := range f.handlers {
		h(v)
	}
	over = true
	f.running.Swap(0)
}

// fireEach is fire for handlers with an owner each: a Destroy must see who of them runs, so
// each announces itself in place of the one before, in one locked instruction.
//
//go:noinline
func (f *floor) fireEach(v int) {
	if !f.running.CompareAndSwap(0, 1) {
		return
	}
	over := false
	defer func() {
		if !over {
			f.panics++
		}
	}()
	for i, h := range f.handlers {
		f.running.Swap(uint64(i) + 1)
		h(v)
	}
	over = true
	f.running.Swap(0)
}

// costFirers measures one and two goroutines that fire, in wall clock time.
func (b *Bench) costFirers() {
	loop := &peers.Bare[int]{Handlers: peers.SharedHandlers(parallelSubscribers)}
	bus := peers.NewTether[int]()
	defer connect(bus, loop.Handlers)()
	trial := func(bus peers.Bus[int], firers int) measure.Trial {
		return measure.Timed(func(k int) { share(bus, firers, k) })
	}
	b.alternate(CostFirers,
		variant{Bare, 1, trial(loop, 1)}, variant{Bare, 2, trial(loop, 2)},
		variant{One, 1, trial(bus, 1)}, variant{One, 2, trial(bus, 2)})
}

// costMany measures a million connections of one owner on one signal, and what
// one more costs beside them and alone.
func (b *Bench) costMany() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	many := app.NewChild("many")
	var alone, crowded tether.Signal[int]
	h := peers.Handlers(1)[0]
	before := measure.Heap()
	for range Million {
		crowded.Connect(many, h)
	}
	b.Book.Add(ManyBytes, One, Million, grown(before, Million))

	pair := func(s *tether.Signal[int]) measure.Trial {
		return measure.Timed(func(k int) {
			for range k {
				s.Connect(app, h).Disconnect()
			}
		})
	}
	b.alternate(CostPair, variant{One, 0, pair(&alone)}, variant{One, Million, pair(&crowded)})
	objects, _ := measure.Allocs(100, func() { crowded.Connect(app, h).Disconnect() })
	b.Book.Add(PairAllocs, One, Million, objects)

	start := time.Now()
	many.Destroy()
	b.Book.Add(CostMany, One, Million, float64(time.Since(start).Nanoseconds())/Million)
}

// grown returns by how much the heap has grown for each of n.
func grown(before uint64, n int) float64 {
	return max(0, float64(measure.Heap())-float64(before)) / float64(n)
}

// Lives is how many live at once where memory is measured.
const Lives = 100_000

// costOwned measures what has an owner of its own: making and ending one after the
// other, and many that live.
func (b *Bench) costOwned() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	h := peers.Handlers(1)[0]
	connected := func() {
		o := app.NewChild("child")
		s.Connect(o, h)
		o.Destroy()
	}
	player := new(peers.Counter) // the value's own size is not the entry's
	open := func(*tether.Owner, int) *peers.Counter { return player }
	players := keyed.NewMap(app, "players", open)
	b.alternate(CostMade,
		variant{Child, 1, measure.Timed(func(k int) {
			for range k {
				connected()
			}
		})},
		variant{entry, 1, measure.Timed(func(k int) {
			for i := range k {
				players.Get(i)
			}
			for i := range k {
				_ = players.Destroy(i)
			}
		})},
		variant{record, 1, costRecord(app)})
	_, bytes := measure.Allocs(1000, connected)
	b.Book.Add(MadeBytes, Child, 1, bytes)

	alive := func(who string, make func(o *tether.Owner) any) {
		o := app.NewChild("alive")
		before := measure.Heap()
		kept := make(o)
		b.Book.Add(AliveBytes, who, Lives, grown(before, Lives))
		runtime.KeepAlive(kept)
		o.Destroy()
	}
	alive(Child, func(o *tether.Owner) any {
		for range Lives {
			o.NewChild("child")
		}
		return nil
	})
	alive(entry, func(o *tether.Owner) any {
		players := keyed.NewMap(o, "players", open)
		for i := range Lives {
			players.Get(i)
		}
		return players
	})
	sources := make([]tether.Signal[int], Lives)
	alive(record, func(o *tether.Owner) any {
		for i := range sources {
			history.Record(o, &sources[i], 1)
		}
		return nil
	})
}

// costRecord times Record alone, of signals and for an owner that are there.
func costRecord(app *tether.Owner) measure.Trial {
	return func(k int) time.Duration {
		o, sources := app.NewChild("owner"), make([]tether.Signal[int], k)
		defer o.Destroy()
		start := time.Now()
		for i := range sources {
			history.Record(o, &sources[i], 1)
		}
		return time.Since(start)
	}
}
