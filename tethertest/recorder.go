package tethertest

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/quote"
)

// A Recorder keeps what a source fires until the test reads it.
//
// Its methods may be called by any goroutine, with one exception. Next, Expect and
// ExpectNone can fail, and end the test as [testing.T.FailNow] does. Only the test's own
// goroutine may do that.
type Recorder[T any] struct {
	t    testing.TB
	conn *tether.Connection

	mu      sync.Mutex // guards the fields below
	unread  []T
	waiters []chan T // of Next, in order; none where there is something unread
	read    int      // how many
	last    []T      // those read last, at most history of them
}

// history is how many of the values read before a failure shows, and of those
// unread.
const history = 10

// Record subscribes to src until the test ends. Values that were fired before are not
// recorded.
//
// A recorder never blocks a Fire and has no goroutine: its handler appends to a list, which
// may grow without bound. It has an owner of its own, made as by [NewOwner]. A test that wants
// to end the recording sooner ends the signal, by its DisconnectAll for example.
//
// Record panics if t or src is nil, a typed nil included.
func Record[T any](t testing.TB, src tether.Source[T]) *Recorder[T] {
	if check.Nil(t) {
		panic("tethertest: Record with nil testing.TB")
	}
	if check.Nil(src) {
		panic("tethertest: Record with nil Source")
	}
	t.Helper()
	r := &Recorder[T]{t: t}
	r.conn = src.Connect(newOwner(t, t.Name()+"/recorder"), r.push)
	return r
}

func (r *Recorder[T]) push(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiters) > 0 {
		r.waiters[0] <- v // has room for it
		r.waiters = r.waiters[1:]
		return
	}
	r.unread = append(r.unread, v)
}

// Next returns the first unread value. If there is none, it waits for one, up to [Deadline]. If
// none comes, the test fails and ends.
func (r *Recorder[T]) Next() T {
	r.check("Next")
	r.t.Helper()
	v, lack := r.next()
	if lack != "" {
		r.t.Fatalf("tethertest: Next: value #%d did not come: %s.\n%s", r.count()+1, lack, r.story())
	}
	return v
}

// Expect reads as many values as it is given and compares them with reflect.DeepEqual. It
// waits as Next does. The test fails and ends at the first value that differs or does not
// come. Values that come after these are left to be read.
func (r *Recorder[T]) Expect(want ...T) {
	r.check("Expect")
	r.t.Helper()
	for i, w := range want {
		n := r.count() + 1
		v, lack := r.next()
		left := ""
		if rest := want[i+1:]; len(rest) > 0 {
			left = "\nNot compared any more: " + list(rest)
		}
		if lack != "" {
			r.t.Fatalf("tethertest: Expect: value #%d did not come: %s.\n    want %s\n%s%s",
				n, lack, show(w), r.story(), left)
			return
		}
		if !reflect.DeepEqual(v, w) {
			got, wanted := show(v), show(w)
			if got == wanted {
				got, wanted = quote.Text(fmt.Sprintf("%#v (%T)", v, v)), quote.Text(fmt.Sprintf("%#v (%T)", w, w))
			}
			r.t.Fatalf("tethertest: Expect: value #%d is another one.\n    got  %s\n    want %s\n%s%s",
				n, got, wanted, r.story(), left)
			return
		}
	}
}

// ExpectNone checks that there is no unread value at this moment. If there is one, the test
// fails and ends.
//
// It does not wait: a value that another goroutine is about to fire has not come yet. In a
// bubble, call [testing/synctest.Wait] before, which makes it a proof. Outside, first wait for
// something that shows that the other goroutine is done.
func (r *Recorder[T]) ExpectNone() {
	r.check("ExpectNone")
	r.t.Helper()
	if n := r.Len(); n > 0 {
		values := "is 1 value"
		if n > 1 {
			values = fmt.Sprintf("are %d values", n)
		}
		r.t.Fatalf("tethertest: ExpectNone: there %s that nobody read.\n%s", values, r.story())
	}
}

// Len returns the number of unread values.
func (r *Recorder[T]) Len() int {
	r.check("Len")
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.unread)
}

func (r *Recorder[T]) check(op string) {
	if r == nil || r.t == nil {
		panic("tethertest: " + op + " of a nil or zero Recorder")
	}
}

func (r *Recorder[T]) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.read
}

// next returns the next value, or why there is none.
func (r *Recorder[T]) next() (v T, lack string) {
	r.mu.Lock()
	if len(r.unread) > 0 {
		var none T
		v, r.unread[0] = r.unread[0], none
		r.unread = r.unread[1:]
		r.noteLocked(v)
		r.mu.Unlock()
		return v, ""
	}
	came := make(chan T, 1) // made here, where the wait is: it belongs to the waiter's bubble
	r.waiters = append(r.waiters, came)
	r.mu.Unlock()

	v, ok := r.await(came)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ok {
		if i := slices.Index(r.waiters, came); i >= 0 {
			r.waiters = slices.Delete(r.waiters, i, i+1)
			if !r.connected() {
				return v, "the recorder's connection has ended, and with it whatever could come"
			}
			return v, fmt.Sprintf("nothing was fired for %v", Deadline)
		}
		v = <-came // just in time
	}
	r.noteLocked(v)
	return v, ""
}

// await waits for a value until the deadline, or until the connection has ended
// for a step: a Fire that had begun by then may still be on the way.
func (r *Recorder[T]) await(came chan T) (v T, ok bool) {
	const step = 100 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	over := !r.connected()
	for range int(Deadline / step) {
		select {
		case v = <-came:
			return v, true
		case <-tick.C:
		}
		if over {
			break
		}
		over = !r.connected()
	}
	return v, false
}

func (r *Recorder[T]) connected() bool { return r.conn == nil || r.conn.Connected() }

func (r *Recorder[T]) noteLocked(v T) {
	r.read++
	r.last = append(r.last, v)
	if len(r.last) > history {
		r.last = slices.Delete(r.last, 0, 1)
	}
}
