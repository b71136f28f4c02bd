// Package goroutine tells a goroutine what it is in the middle of, by reading its
// stack. Nothing here is cheap, microseconds rather than nanoseconds. All of it is for
// the paths on which the library would otherwise have to wait.
package goroutine

import "runtime"

// ID returns a number that no other living goroutine has. It is for tests: it reads the
// text of a stack trace, which takes 1-3 us, more on a deep stack, and which builds that
// hide names may not have.
func ID() uint64 {
	var buf [64]byte
	text := buf[len("goroutine "):runtime.Stack(buf[:], false)]
	var id uint64
	for _, c := range text {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}

// walk calls f with the function of each frame of the caller's stack, innermost first,
// until f returns false. A function is known by the address of its first instruction,
// because a build that hides names may change them. If a function was inlined, its frame is
// that of the function that it was inlined into.
//
// Cost: about 80 ns a frame, with what its callers look up. runtime.Callers begins at the top
// of the stack each time it is called, so the buffer grows by factors. Otherwise a deep stack
// would take quadratic time.
func walk(f func(entry uintptr) bool) {
	var short [64]uintptr
	pcs := short[:]
	done := 0
	for {
		n := runtime.Callers(2, pcs)
		var last, entry uintptr
		for _, pc := range pcs[done:n] {
			if pc != last {
				last, entry = pc, entryOf(pc)
			}
			if !f(entry) {
				return
			}
		}
		if n < len(pcs) {
			return
		}
		done, pcs = n, make([]uintptr, 8*n)
	}
}

// entryOf returns the first instruction of the function that a call returns to at pc.
func entryOf(pc uintptr) uintptr {
	if f := runtime.FuncForPC(pc - 1); f != nil {
		return f.Entry()
	}
	return 0
}
