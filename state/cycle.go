package state

import (
	"runtime"
	"strings"
)

// A CycleError says that a value needs itself. Use panics with it, so it comes to
// the caller of Get, with the value that closes the cycle first and last.
type CycleError struct{ Names []string }

func (e *CycleError) Error() string { return "state: cycle: " + strings.Join(e.Names, " -> ") }

// wait waits for the end of r, of which by needs the result. books is held, and
// free on return. If r needs by, neither would ever end: that is a cycle,
// whether on one goroutine or across several.
func (r *run) wait(by *run) {
	if by != nil {
		if names := r.chainLocked(by); names != nil {
			by.loose = true
			books.Unlock()
			panic(&CycleError{Names: append(names, r.node.name())})
		}
		by.waits = append(by.waits, r)
	}
	if r.done == nil {
		r.done = make(chan struct{})
	}
	books.Unlock()
	if by == nil && computing() {
		panic("state: Get inside a computing function has to wait for " + r.node.name() + "; read with Use there")
	}
	<-r.done
	if by != nil {
		books.Lock()
		by.forgetLocked(r)
		books.Unlock()
	}
}

// chainLocked returns the names from r to target if r waits for that.
func (r *run) chainLocked(target *run) []string {
	if r == target {
		return []string{r.node.name()}
	}
	for _, w := range r.waits {
		if names := w.chainLocked(target); names != nil {
			return append([]string{r.node.name()}, names...)
		}
	}
	return nil
}

// computing reports whether the caller is inside a computing function, by a look
// at the stack: some microseconds, where there is something to wait for anyway.
func computing() bool {
	pcs := make([]uintptr, 128)
	for skip := 2; ; skip += len(pcs) {
		k := runtime.Callers(skip, pcs)
		if k == 0 {
			return false
		}
		frames := runtime.CallersFrames(pcs[:k])
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if strings.HasSuffix(f.Function, "/state.(*Computed[...]).evaluate") {
				return true
			}
		}
	}
}
