// Package leaks asks the runtime's own goroutine-leak profile, as a second
// witness beside goleak, whether the test suites leave goroutines that can never
// go on. It holds tests only.
//
// goleak compares lists of goroutines at the end of a test binary, and takes
// some of them for the runtime's or a library's. The profile asks the collector
// instead: a goroutine is leaked if what it waits for can't be reached from any
// that runs. The suites need not know: [runtime/pprof.Lookup] is called by a file
// that an overlay adds, and the line that starts goleak is replaced by one that
// asks both.
//
// The profile exists with GOEXPERIMENT=goroutineleakprofile alone. It misses what
// waits for a global, sleeps or spins.
package leaks
