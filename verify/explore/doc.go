// Package explore runs the library under every schedule.
//
// A scenario is a handful of workers that do something to the same owners and
// signals. Under the build tag tether_explore the library has marks at its
// critical steps (internal/yield). The explorer parks each goroutine that comes to
// a mark, and lets one goroutine at a time go on to its next mark. A depth-first
// search tries every choice of that goroutine. Each schedule runs in a
// testing/synctest bubble of its own, whose Wait tells when all goroutines are
// parked or blocked. If a schedule breaks an invariant, its marks are printed in
// order.
//
// The search is bounded by preemptions, as in CHESS (Musuvathi and Qadeer,
// "Iterative Context Bounding for Systematic Testing of Multithreaded Programs",
// PLDI 2007). A preemption is a step of another goroutine while the last one could
// go on. The number of preemptions in a schedule is bounded. If the last goroutine
// is blocked or has ended, the choice is free, and all choices are tried.
//
// The explorer is sequentially consistent. The store-buffer model in package memory
// shows what the memory model adds to that.
//
//	go test -tags tether_explore ./explore                 # short form
//	go test -tags tether_explore ./explore -explore.long   # one preemption more
//
// # Deep builds
//
// No mark stands where a mutex is held, because to synctest a goroutine that waits
// for a mutex looks like one that runs. So a critical section is one step, and
// nothing comes between the teardown's killing of the handlers and its look at the
// announcements. The deep build lifts that. [TestDeep] compiles the library and
// these tests again with an overlay (go test -overlay). There the mutexes are
// modelled, every Lock is a mark, and there are further marks inside critical
// sections. The same overlay has the planted bugs, each behind a switch, which
// [TestPlantedBugs] expects the explorer to find. The library's own source has
// neither.
package explore
