// Package leaks finds out whether the test suites leave goroutines that can never
// go on. It asks the runtime's own goroutine-leak profile, as a second witness
// beside goleak. It holds tests only.
//
// goleak compares lists of goroutines at the end of a test binary, and takes
// some of them for the runtime's or a library's. The profile asks the collector
// instead: a goroutine is leaked if no goroutine that runs can reach what it waits
// for. The suites need not know of it. An overlay adds a file that calls
// [runtime/pprof.Lookup], and replaces the line that starts goleak by one that asks
// both.
//
// The profile exists only with GOEXPERIMENT=goroutineleakprofile. It misses
// goroutines that wait for a global, sleep or spin.
package leaks
