//go:build tether_explore

package yield

import "sync/atomic"

var hook atomic.Pointer[func(name string)]

// Point calls the hook, if there is one.
func Point(name string) {
	if f := hook.Load(); f != nil {
		(*f)(name)
	}
}

// Hook arranges for f to be called at every Point, by the goroutine that comes by. nil ends
// that.
func Hook(f func(name string)) {
	if f == nil {
		hook.Store(nil)
		return
	}
	hook.Store(&f)
}
