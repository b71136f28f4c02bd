// Package yield marks the steps between which the order of things matters.
//
// By default a mark is an empty function: the compiler inlines it to nothing,
// and the benchmarks do not see it. Under the build tag tether_explore it calls
// a hook, by which the schedule explorer of verify/explore parks the goroutine
// and decides who goes on. Code that is marked must hold no mutex then, as a
// goroutine that waits for a mutex can't be told from one that runs.
package yield
