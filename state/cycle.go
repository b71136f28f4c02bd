package state

import (
	"strconv"
	"strings"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/quote"
)

// A CycleError says that a value needs itself. Use panics with it, so it comes to
// the caller of Get, with the value that closes the cycle first and last.
type CycleError struct{ Names []string }

// Error quotes the names that could be taken for something else.
func (e *CycleError) Error() string {
	names := make([]string, len(e.Names))
	for i, name := range e.Names {
		names[i] = quoted(name)
	}
	return "state: cycle: " + strings.Join(names, " -> ")
}

// quoted makes the name of a value fit for a text. One with an arrow would look like
// two; a slash, as in the place of a function, is no more than that here.
func quoted(name string) string {
	if strings.Contains(name, "->") {
		return strconv.Quote(name)
	}
	return quote.Text(name)
}

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
		panic("state: Get inside a computing function has to wait for " + quoted(r.node.name()) + "; read with Use there")
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

// compute has a computing function called. Its frame on a stack says so, see computing.
//
//go:noinline
func compute(r *run, evaluate func(*run)) { evaluate(r) }

// computing reports whether the caller is inside a computing function, by a look
// at the stack: some microseconds, where there is something to wait for anyway.
func computing() bool { return goroutine.InsideOf(compute) }
