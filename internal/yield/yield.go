// Package yield marks the steps between which the order of things matters.
//
// By default a mark is an empty function. The compiler inlines it to nothing, and the
// benchmarks do not see it. Under the build tag tether_explore it calls a hook. With that
// the schedule explorer of verify/explore parks the goroutine and decides which one goes
// on. No mutex may be held at a mark, because a goroutine that waits for a mutex can't be
// told from one that runs.
package yield
