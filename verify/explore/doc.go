// Package explore runs the library under every schedule.
//
// A scenario is a handful of workers that do something to the same owners and
// signals. Under the build tag tether_explore the library has marks at its
// critical steps (internal/yield). The explorer parks whoever comes to a mark,
// and lets one goroutine at a time go on to its next one; a depth-first search
// tries every choice of who that is. Each schedule runs in a testing/synctest
// bubble of its own, whose Wait tells when all goroutines are parked or blocked.
// What a schedule did is printed, mark by mark, when it breaks an invariant.
//
// The search is bounded by preemptions, as in CHESS (Musuvathi and Qadeer,
// "Iterative Context Bounding for Systematic Testing of Multithreaded Programs",
// PLDI 2007): letting another goroutine go on although the last one could is
// a preemption, of which a schedule has at most so many. Choices where the last
// one is blocked or has ended are free, and all of them are tried.
//
// It is sequentially consistent: what the memory model adds to that is shown by
// the store-buffer model in package memory.
//
//	go test -tags tether_explore ./explore                 # short form
//	go test -tags tether_explore ./explore -explore.long   # one preemption more
//
// # Deep builds
//
// Marks never stand where a mutex is held: a goroutine that waits for a mutex
// looks to synctest like one that runs. So a critical section is one step, and
// the teardown's look at the announcements directly follows its killing of the
// handlers. The deep build lifts that: [TestDeep] compiles the library and these
// tests again with an overlay (go test -overlay) in which the mutexes are
// modelled, every Lock is a mark, and there are further marks inside critical
// sections. The same overlay has the planted bugs, each behind a switch, which
// [TestPlantedBugs] expects the explorer to find: the library's own source has
// neither.
package explore
