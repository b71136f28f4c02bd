package scope

import (
	"slices"
	"sync"
	"sync/atomic"
)

// An Observer has functions that the library calls when something happens, for diagnosis on
// demand. They may not panic or wait. Those that are nil are not called.
type Observer struct {
	Made      func(s *Scope)           // on the maker's goroutine
	Ended     func(s *Scope)           // with locks held: it may only record
	Started   func(s *Scope)           // on a goroutine that s owns, before its function
	Connected func(onEnd func(func())) // on the connecting goroutine
}

var observers struct {
	list atomic.Pointer[[]*Observer] // nil if there are none
	mu   sync.Mutex                  // for writers of list
}

// Observe arranges for the functions of o to be called from now on, until stop is called.
// While there is an observer, the places where children are made are recorded.
func Observe(o *Observer) (stop func()) {
	change(func(all []*Observer) []*Observer { return append(all, o) })
	return sync.OnceFunc(func() {
		change(func(all []*Observer) []*Observer {
			i := slices.Index(all, o)
			return slices.Delete(all, i, i+1)
		})
	})
}

func change(f func([]*Observer) []*Observer) {
	observers.mu.Lock()
	defer observers.mu.Unlock()
	all := f(slices.Clone(Observers()))
	if len(all) == 0 {
		observers.list.Store(nil)
		return
	}
	observers.list.Store(&all)
}

// Observed reports whether there are observers.
func Observed() bool { return observers.list.Load() != nil }

// Observers returns the observers.
func Observers() []*Observer {
	if list := observers.list.Load(); list != nil {
		return *list
	}
	return nil
}

// tell calls the function that pick picks of each observer. It is a function of its own so
// that without observers a caller pays for one look only.
func tell(s *Scope, pick func(*Observer) func(*Scope)) {
	for _, o := range Observers() {
		if f := pick(o); f != nil {
			f(s)
		}
	}
}

func made(o *Observer) func(*Scope)     { return o.Made }
func finished(o *Observer) func(*Scope) { return o.Ended }
func started(o *Observer) func(*Scope)  { return o.Started }

// Site returns where s was made, 0 if that is unknown.
func (s *Scope) Site() uintptr { return s.site }
