package scenario

import "github.com/seed-ec287111/tether/bench/measure"

// A Budget is something that tether promises of its costs.
//
// What else goes on in a machine can only add to a time. So a cost is judged by the
// least of many short slices, its quiet time; some have a second budget for the
// median, the busy time. A ratio is that of two quiet or two busy times of
// variants that alternated in one process.
type Budget struct {
	Name  string
	Unit  string // "x" for ratios, "ns", "B", "" for counts
	Limit float64
	Busy  float64 // what the median may come to, 0: anything
	Floor bool    // Limit is the least that will do, else the most

	cost, over measure.Key    // over what, for ratios
	beside     []measure.Key  // whose ratios to show beside it
	alike      [2]measure.Key // whose ratio too: that of another contestant's two costs
}

// A Verdict is what was measured of a budget.
type Verdict struct {
	Budget
	Quiet, Busy float64
	Cost, Over  float64 // the quiet times of a ratio
	Beside      []Beside
}

// Beside is the quiet ratio of another contestant, to the same unit but where it is alike.
type Beside struct {
	Who   string
	Ratio float64
}

// Met reports whether the budget is kept.
func (v Verdict) Met() bool {
	if v.Floor {
		return v.Quiet >= v.Limit
	}
	return v.Quiet <= v.Limit && (v.Budget.Busy == 0 || v.Busy <= v.Budget.Busy)
}

// Judge draws up all budgets for which the book has what they are judged by.
func Judge(b *measure.Book) []Verdict {
	var vs []Verdict
	get := func(k measure.Key) measure.Sample { return b.Get(k.Scenario, k.Who, k.N) }
	for _, x := range budgets {
		cost, over := get(x.cost), get(x.over)
		if len(cost.Values) == 0 {
			continue
		}
		v := Verdict{Budget: x, Quiet: cost.Min(), Busy: cost.Median()}
		if x.over != (measure.Key{}) {
			v.Cost, v.Over = v.Quiet, over.Min()
			v.Quiet, v.Busy = v.Quiet/v.Over, v.Busy/over.Median()
		}
		for _, k := range x.beside {
			v.Beside = append(v.Beside, Beside{k.Who, get(k).Min() / v.Over})
		}
		if cost, over := get(x.alike[0]), get(x.alike[1]); len(cost.Values) > 0 {
			v.Beside = append(v.Beside, Beside{x.alike[0].Who, cost.Min() / over.Min()})
		}
		vs = append(vs, v)
	}
	return vs
}

// Names of the costs that budgets speak of, as the book has them.
const (
	CostFire    = "cost: fire"      // ns, N handlers
	FireAllocs  = "cost: allocs"    // of a Fire
	CostFirers  = "cost: firers"    // ns a Fire, N goroutines firing
	CostPair    = "cost: pair"      // ns a Connect and Disconnect, N others
	PairAllocs  = "cost: pair objs" // allocations of these
	CostMany    = "cost: many"      // ns a connection of N in a Destroy
	ManyBytes   = "cost: bytes"     // memory of each of N connections
	CostMade    = "cost: made"      // ns
	MadeBytes   = "cost: made B"    // allocated by making and ending one
	AliveBytes  = "cost: alive B"   // heap of each of N
	CostQueue   = "cost: queue"     // ns a value, capacity N
	CostIdle    = "cost: idle"      // ns from Fire until N idle queues have handled it
	IdleThreads = "cost: idle go"   // goroutines of N idle queues
	CostState   = "cost: state"     // ns a Set
)

// Contestants of the budgets, and what is made and ended.
const (
	Bare      = "bare"
	called    = "the bare loop in a function of its own"
	least     = "that with two locked instructions and a defer"
	leastEach = "that and one more locked instruction for each handler"
	locked    = "RWMutex + slice"
	One       = "one owner"
	Each      = "an owner each"
	Child     = "child owner"
	entry     = "keyed entry"
	record    = "history.Record"
	chain     = "chain"
	fan       = "fan"
	naive     = "naive " // before the name of a shape
	safely    = "that with a lock, marks and an atomic store for each function"
	Value     = "state.Value[int]"
	Computed  = "state.Computed[int] of one value"
	Watched   = "state.Computed[int], watched" // what that adds
	Million   = 1_000_000
)

// level is the ratio up to which two costs are called level.
const level = 1.05

// The budgets. Some limits are of ratios measured with prototypes on two shared
// cores; others are what the library's first design set itself.
var budgets = func() []Budget {
	key := func(what, who string, n int) measure.Key { return measure.Key{Scenario: what, Who: who, N: n} }
	fire := func(name, who string, n int, quiet, busy float64) Budget {
		b := Budget{Name: name, Unit: "x", Limit: quiet, Busy: busy, cost: key(CostFire, who, n), over: key(CostFire, Bare, n),
			beside: []measure.Key{key(CostFire, locked, n), key(CostFire, called, n), key(CostFire, least, n)}}
		if who == Each {
			b.beside = append(b.beside, key(CostFire, leastEach, n))
		}
		return b
	}
	plain := func(name, unit string, limit float64, cost measure.Key) Budget {
		return Budget{Name: name, Unit: unit, Limit: limit, cost: cost}
	}
	ratio := func(name string, limit float64, cost, over measure.Key) Budget {
		return Budget{Name: name, Unit: "x", Limit: limit, cost: cost, over: over}
	}
	set := func(name, shape string, n int) Budget {
		return Budget{Name: name, Unit: "x", Limit: 4, cost: key(CostState, shape, n), over: key(CostState, naive+shape, n),
			beside: []measure.Key{key(CostState, safely, n)}}
	}
	cores := ratio("two goroutines firing one signal: throughput over one", 1.7, key(CostFirers, One, 1), key(CostFirers, One, 2))
	cores.Floor = true
	cores.alike = [2]measure.Key{key(CostFirers, Bare, 1), key(CostFirers, Bare, 2)}
	return []Budget{
		fire("Fire, 1 handler", One, 1, 2.7, 0),
		ratio("Fire, 1 handler, over RWMutex + slice (to "+Number(level)+" is level)", level, key(CostFire, One, 1), key(CostFire, locked, 1)),
		fire("Fire, 10 handlers", One, 10, 1.25, 0),
		fire("Fire, 100 handlers, one owner", One, 100, 1, 1.25),
		fire("Fire, 100 handlers, an owner each", Each, 100, 1.2, 1.5),
		fire("Fire, 1000 handlers, an owner each", Each, 1000, 1.5, 0),
		plain("Fire without handlers", "ns", 3, key(CostFire, One, 0)),
		plain("allocations of a Fire, 1000 handlers, an owner each", "", 0, key(FireAllocs, Each, 1000)),
		cores,
		plain("Connect and Disconnect", "ns", 250, key(CostPair, One, 0)),
		plain("Connect and Disconnect, 10^6 others", "ns", 250, key(CostPair, One, Million)),
		plain("allocations of these", "", 2, key(PairAllocs, One, Million)),
		plain("memory of a connection, 10^6 of them, besides the closure", "B", 160, key(ManyBytes, One, Million)),
		plain("Destroy of 10^6 connections, each", "ns", 150, key(CostMany, One, Million)),
		plain("child owner, connected and destroyed", "ns", 350, key(CostMade, Child, 1)),
		plain("child owner, connected and destroyed: allocated", "B", 400, key(MadeBytes, Child, 1)),
		plain("child owner, alive", "B", 280, key(AliveBytes, Child, Lives)),
		plain("keyed entry (owner, int key, pointer value), made and destroyed", "ns", 1500, key(CostMade, entry, 1)),
		plain("keyed entry (owner, int key, pointer value), alive", "B", 450, key(AliveBytes, entry, Lives)),
		plain("history.Record of 1 value", "ns", 1000, key(CostMade, record, 1)),
		plain("history.Record of 1 value, alive", "B", 400, key(AliveBytes, record, Lives)),
		plain("idle Block queue: one value, until handled", "ns", 600, key(CostIdle, One, 1)),
		plain("Fire into 1000 idle queues, until all have handled it", "ns", 500_000, key(CostIdle, One, 1000)),
		ratio("queue in steady flow, over a channel", 1.5, key(CostQueue, One, queueCapacity), key(CostQueue, Bare, queueCapacity)),
		plain("goroutines of 100 000 idle queues", "", 0, key(IdleThreads, One, idleQueues)),
		set("state: Set of a watched chain of 50, over a naive push", chain, chainLength),
		set("state: Set of a value with 1000 watched users, over a naive push", fan, fanWidth),
	}
}()
