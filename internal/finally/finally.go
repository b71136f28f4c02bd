// Package finally runs a sequence of steps to its end, whatever the steps do.
//
// A panic in a step must not keep the other steps from running, and must not be swallowed.
// The simple way is a deferred call that runs the rest and lets the panic go on after that.
// The panic is never recovered, so it keeps its value and its stack. [runtime.Goexit],
// which cannot be recovered, goes on in the same way. The price is that the rest runs on
// top of the panicking stack. A million steps that all panic would stand on each other's
// shoulders until the stack overflows, which is fatal.
//
// So only the first few panics of a sequence go on in that way. Of all further ones the
// last is kept as a value, and raised again when the sequence is over.
package finally

// nested is how many panics of one sequence keep their own stack; arbitrary, and more
// than anybody reads.
const nested = 16

// Each calls step until it returns false. It goes on after a step that panics or calls
// [runtime.Goexit]; the next call of step must not repeat the one that failed.
//
// If steps panicked, Each panics when the sequence is over. As with panics in deferred
// calls, recover sees the value of the last one, and a crash prints the first ones too,
// each with its stack. A Goexit that comes after a panic wins. Cost: linear in the number
// of steps, and a bounded depth of stack, except with steps that call Goexit.
func Each(step func() bool) { each(step, nested) }

func each(step func() bool, nested int) {
	over := false
	defer func() {
		switch {
		case over:
		case nested > 0:
			each(step, nested-1)
		default:
			collect(step, nil)
		}
	}()
	for step() {
	}
	over = true
}

// collect is each without nesting: it recovers the panics and raises the last one. last is the
// value of the last one before; nil if there is none, or if a Goexit came after it.
//
// A Goexit leaves it in the middle, and so does a panic on top of a Goexit: when the panic
// has been recovered, the Goexit goes on. Then the rest runs in a deferred call.
func collect(step func() bool, last any) {
	over := false
	defer func() {
		if !over {
			collect(step, last)
		}
	}()
	for !over {
		over = attempt(step, &last)
	}
	if last != nil {
		panic(last)
	}
}

// attempt runs steps up to the end, a Goexit or a panic, and sets last in the last two cases.
func attempt(step func() bool, last *any) (over bool) {
	defer func() {
		if !over {
			*last = recover() // nil: a Goexit; panic(nil) is recovered as a *runtime.PanicNilError
		}
	}()
	for step() {
	}
	return true
}
