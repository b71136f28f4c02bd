package scenario

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
)

// A Budget is something that tether promises of its costs. Ratios are taken
// round by round, between neighbours in time.
type Budget struct {
	Name  string
	Limit float64
	Unit  string // "x" for ratios
	Floor bool   // Limit is the least that will do, else the most
	Got   measure.Sample
	Least measure.Sample // of the least times of all rounds; nothing where that means nothing
	Note  string         // what it was measured against
}

// Met reports whether the median keeps the budget.
func (b Budget) Met() bool {
	if b.Floor {
		return b.Got.Median() >= b.Limit
	}
	return b.Got.Median() <= b.Limit
}

// MetAtBest reports whether the least times keep the budget. What else goes on in
// a machine can only add to a time; so they are what the code itself costs.
func (b Budget) MetAtBest() bool {
	b.Got = b.Least
	return b.Measured() && b.Met()
}

// Measured reports whether there is anything to judge.
func (b Budget) Measured() bool { return len(b.Got.Values) > 0 }

// budgetRounds is how many rounds of budgets one round of the rest is worth: they
// are short, and judged by.
const budgetRounds = 3

const million = 1_000_000

// Guard measures the budgets alone.
func (b *Bench) Guard() {
	for range b.Rounds {
		for _, n := range []int{0, 1000, 100_000, million} {
			b.spawn("life", peers.ByName(peers.Ours), n)
		}
	}
	b.RunBudgets()
}

// RunBudgets measures what the budgets speak of and the book does not have, and
// draws up the list.
func (b *Bench) RunBudgets() {
	began := time.Now()
	var m measure.Book
	for range b.Rounds * budgetRounds {
		b.budgetRound(&m)
	}
	b.budgetPairs(&m, 0)
	b.budgetPairs(&m, million)
	b.judge(&m)
	b.logf("budgets %41.1f s\n", time.Since(began).Seconds())
}

// Contestants of the budgets.
const (
	bare     = "bare"
	bareCall = "bare, in a function"
	floor    = "bare, between two locked instructions"
	one      = "one owner"
	each     = "an owner each"
)

func (b *Bench) budgetRound(m *measure.Book) {
	quiet()
	for _, n := range []int{0, 1, 100, 1000} {
		b.budgetFire(m, n)
	}
	b.budgetParallel(m)
	b.budgetQueue(m)
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	h := peers.Handlers(1)[0]
	m.Add("child", one, 1, measure.PerOp(b.Slice, func(k int) {
		for range k {
			o := app.NewChild("child")
			s.Connect(o, h)
			o.Destroy()
		}
	}))
}

// budgetFire measures Fire beside the bare loop, without the interface that the
// contestants have elsewhere. The bare loop stands in the measuring loop itself
// and ranges over the slice of a heap object.
func (b *Bench) budgetFire(m *measure.Book, n int) {
	loop := &peers.Bare[int]{Handlers: peers.Handlers(n)}
	m.Add("fire", bare, n, measure.PerOp(b.Slice, func(k int) {
		for i := range k {
			for _, f := range loop.Handlers {
				f(i)
			}
		}
	}))
	m.Add("fire", bareCall, n, measure.PerOp(b.Slice, func(k int) {
		for i := range k {
			fireBare(loop, i)
		}
	}))
	m.Add("fire", floor, n, measure.PerOp(b.Slice, func(k int) {
		for i := range k {
			fireFloor(loop, i)
		}
	}))
	for _, who := range []string{one, each} {
		app := tether.NewOwner("app")
		s := new(tether.Signal[int])
		for _, h := range peers.Handlers(n) {
			owner := app
			if who == each {
				owner = app.NewChild("child")
			}
			s.Connect(owner, h)
		}
		m.Add("fire", who, n, measure.PerOp(b.Slice, func(k int) {
			for i := range k {
				s.Fire(i)
			}
		}))
		m.Add("allocs", who, n, measure.Allocs(100, func() { s.Fire(1) }))
		app.Destroy()
	}
}

//go:noinline
func fireBare(b *peers.Bare[int], v int) {
	for _, f := range b.Handlers {
		f(v)
	}
}

// budgetPairs measures a Connect and its Disconnect on a signal with others.
func (b *Bench) budgetPairs(m *measure.Book, others int) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	h := peers.Handlers(1)[0]
	for range others {
		s.Connect(app, h)
	}
	quiet()
	for range b.Rounds * budgetRounds {
		m.Add("pair", one, others, measure.PerOp(b.Slice, func(k int) {
			for range k {
				s.Connect(app, h).Disconnect()
			}
		}))
	}
}

// slot is what fireFloor locks; a cache line of its own.
var slot struct {
	_ [64]byte
	v atomic.Uint64
	_ [56]byte
}

// fireFloor has the instructions without which there is no barrier: one that
// announces and one that takes that back, both locked, and the defer by which a
// panicking handler does not stop the others.
//
//go:noinline
func fireFloor(b *peers.Bare[int], v int) {
	if !slot.v.CompareAndSwap(0, 4) {
		return
	}
	over := false
	defer func() {
		if !over {
			slot.v.Swap(0)
		}
	}()
	fireBare(b, v)
	over = true
	slot.v.Swap(0)
}

func (b *Bench) budgetParallel(m *measure.Book) {
	loop := &peers.Bare[int]{Handlers: peers.SharedHandlers(parallelSubscribers)}
	bus := peers.NewTether[int]()
	end := connect(bus, peers.SharedHandlers(parallelSubscribers))
	defer end()
	for _, c := range []struct {
		who string
		bus peers.Bus[int]
	}{{bare, loop}, {one, bus}} {
		for _, firers := range []int{1, 2} {
			m.Add("parallel", c.who, firers, measure.PerOp(2*b.Slice, func(k int) { share(c.bus, firers, k) }))
		}
	}
}

// queueCapacity is that of the queue and of the channel it is compared with.
const queueCapacity = 1024

// budgetQueue measures one producer and one consumer, until the last value is
// handled.
func (b *Bench) budgetQueue(m *measure.Book) {
	m.Add("queue", bare, queueCapacity, measure.PerOp(2*b.Slice, func(k int) {
		ch := make(chan int, queueCapacity)
		c := new(peers.Counter)
		var wg sync.WaitGroup
		wg.Go(func() {
			for v := range ch {
				c.Sum += v
			}
		})
		for i := range k {
			ch <- i
		}
		close(ch)
		wg.Wait()
	}))
	m.Add("queue", one, queueCapacity, measure.PerOp(2*b.Slice, func(k int) {
		app := tether.NewOwner("app")
		c, s := new(peers.Counter), new(tether.Signal[int])
		done := make(chan bool)
		s.Connect(app, func(v int) {
			if c.Sum += v; v == k-1 {
				close(done)
			}
		}, tether.On(tether.NewQueue(app, queueCapacity, tether.Block)))
		for i := range k {
			s.Fire(i)
		}
		<-done
		app.Destroy()
	}))
	if len(m.Get("idle", one, idleQueues).Values) == 0 {
		before := runtime.NumGoroutine()
		app := tether.NewOwner("app")
		var s tether.Signal[int]
		for range idleQueues {
			s.Connect(app, func(int) {}, tether.On(tether.NewQueue(app, queueCapacity, tether.Block)))
		}
		m.Add("idle", one, idleQueues, float64(max(0, runtime.NumGoroutine()-before)))
		app.Destroy()
	}
}

const idleQueues = 100_000

// judge draws up the list of budgets.
func (b *Bench) judge(m *measure.Book) {
	over := func(scenario, who, base string, n int) measure.Sample {
		return m.Get(scenario, who, n).Over(m.Get(scenario, base, n))
	}
	add := func(name string, limit float64, unit string, got measure.Sample, note string) {
		b.Budgets = append(b.Budgets, Budget{Name: name, Limit: limit, Unit: unit, Got: got, Note: note})
	}
	b.Budgets = nil
	least := func(of measure.Sample, over ...measure.Sample) {
		v := of.Min()
		for _, o := range over {
			v /= o.Min()
		}
		b.Budgets[len(b.Budgets)-1].Least.Values = []float64{v}
	}
	ns := func(who string, n int) string {
		return "bare loop " + Number(m.Get("fire", bare, n).Median()) + " ns, tether " + Number(m.Get("fire", who, n).Median()) + " ns"
	}
	inFunction := over("fire", one, bareCall, 1)
	add("Fire at 1 handler", 2, "x", over("fire", one, bare, 1),
		ns(one, 1)+"; against the loop in a function that is not inlined ("+Number(m.Get("fire", bareCall, 1).Median())+" ns) it is "+
			Number(inFunction.Median())+"x; the loop between the two locked instructions that a barrier takes, and the defer that "+
			"a panic takes, in two functions: "+Number(m.Get("fire", floor, 1).Median())+" ns, "+Number(m.Get("fire", floor, 1).Min())+" at the least")
	least(m.Get("fire", one, 1), m.Get("fire", bare, 1))
	for _, c := range []struct {
		n     int
		who   string
		limit float64
	}{{100, one, 1.25}, {100, each, 1.5}, {1000, each, 1.5}} {
		add("Fire at "+strconv.Itoa(c.n)+" handlers, "+c.who, c.limit, "x", over("fire", c.who, bare, c.n), ns(c.who, c.n))
		least(m.Get("fire", c.who, c.n), m.Get("fire", bare, c.n))
	}
	add("Fire without handlers", 3, "ns", m.Get("fire", one, 0), "")
	least(m.Get("fire", one, 0))
	var allocs measure.Sample
	for _, n := range []int{0, 1, 100, 1000} {
		for _, who := range []string{one, each} {
			allocs.Values = append(allocs.Values, m.Get("allocs", who, n).Max())
		}
	}
	allocs.Values = []float64{allocs.Max()}
	add("Allocations of a Fire", 0, "", allocs, "0, 1, 100, 1000 handlers, with one owner and an owner each")

	scaling := m.Get("parallel", one, 1).Over(m.Get("parallel", one, 2))
	b.Budgets = append(b.Budgets, Budget{
		Name: "Two goroutines firing one signal, throughput over one", Limit: 1.7, Unit: "x", Floor: true, Got: scaling,
		Note: "the bare loop, which shares nothing, comes to " + Number(m.Get("parallel", bare, 1).Over(m.Get("parallel", bare, 2)).Median()) + "x on this machine",
	})
	for _, n := range []int{0, million} {
		others := " with 0 others"
		if n > 0 {
			others = " with 10^6 others"
		}
		add("Connect and Disconnect"+others, 250, "ns", m.Get("pair", one, n),
			"by way of the interface, which makes a closure: "+Number(b.Book.Get(Churn, peers.Ours, n).Median())+" ns")
		least(m.Get("pair", one, n))
		add("Allocations of these"+others, 2, "", b.Book.Get(Allocs, peers.Ours, n), "")
	}
	add("Memory a connection at 10^6", 160, "B", b.Book.Get(Bytes, peers.Ours, million), "besides the closure")
	add("Destroy of 10^6 connections, each", 150, "ns",
		b.Book.Get(Teardown, peers.Ours, million).Map(func(v float64) float64 { return v / million }), "one owner, one signal")
	least(b.Book.Get(Teardown, peers.Ours, million).Map(func(v float64) float64 { return v / million }))
	if fit := measure.Fit(measure.Tail(b.Book.Curve(Teardown, peers.Ours), 1000)); fit.Exponent == fit.Exponent {
		add("Destroy is linear: exponent of its total", 1.15, "", measure.Sample{Values: []float64{fit.Exponent}},
			"least squares from 1000 connections on; 1 is linear, 2 quadratic; 0.15 is left for caches")
	}
	add("Child owner with one connection, made and destroyed", 500, "ns", m.Get("child", one, 1), "")
	least(m.Get("child", one, 1))
	add("Queue, time over a channel of the same capacity", 1, "x", over("queue", one, bare, queueCapacity),
		"one producer, one consumer, capacity 1024; channel "+Number(m.Get("queue", bare, queueCapacity).Median())+" ns a value, queue "+
			Number(m.Get("queue", one, queueCapacity).Median())+" ns")
	least(m.Get("queue", one, queueCapacity), m.Get("queue", bare, queueCapacity))
	add("Goroutines of 100 000 idle queues", 0, "", m.Get("idle", one, idleQueues), "")
}
