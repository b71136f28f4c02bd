package derive

import (
	"context"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/handle"
)

// A recipe is the Source that an operator returns. It builds one link of a chain: it arranges
// for emit to be called with the values for as long as l lasts, and for end to be called when
// no more can come. end may be called before the recipe has returned, more than once, and
// inside the call that ends a source. So it neither waits nor calls user code.
//
// Recipes nest: if the source of an operator is a recipe too, it is built into the same
// chain. So a chain has one Connection, however many operators it is made of.
type recipe[T any] func(l *life, emit func(T), end func())

// Connect makes a recipe a [tether.Source].
func (r recipe[T]) Connect(owner *tether.Owner, handler func(T), opts ...tether.ConnectOption) *tether.Connection {
	var last tether.Signal[T]
	c := last.Connect(owner, handler, opts...)
	open(r, owner, &last, c, opts)
	return c
}

// Once makes a recipe a [tether.Source].
func (r recipe[T]) Once(owner *tether.Owner, handler func(T), opts ...tether.ConnectOption) *tether.Connection {
	var last tether.Signal[T]
	c := last.Once(owner, handler, opts...)
	open(r, owner, &last, c, opts)
	return c
}

// A chain is what one connection to a recipe consists of. Its last link is a signal, which
// calls the handler. conn is the connection to that signal, and has all that the user has
// asked for: queue, mute, a single call. The other links know nothing of that. So their
// functions run on the goroutine that calls Fire.
type chain struct {
	conn     *tether.Connection
	queue    *tether.Queue          // nil: none
	finish   bool                   // it is a Finish queue
	priority []tether.ConnectOption // without spare capacity, so an append makes a copy
	last     unsafe.Pointer         // the function that fires the last link
	whole    *life
}

// open builds the chain of src whose last link is c, and fires last.
func open[T any](src tether.Source[T], owner *tether.Owner, last *tether.Signal[T], c *tether.Connection, opts []tether.ConnectOption) {
	if !c.Connected() {
		return
	}
	ch := &chain{conn: c}
	for _, opt := range opts {
		if _, ok := handle.Priority(opt); ok {
			ch.priority = []tether.ConnectOption{opt} // as in tether, the last one counts
		}
		if q, finish := handle.Queue(opt); q != nil {
			ch.queue, ch.finish = q.(*tether.Queue), finish
		}
	}
	ch.whole = &life{chain: ch, owner: owner}
	handle.OnEnd(c, func() { ch.whole.end() })
	built := false
	defer func() {
		if !built { // Connect of a source has panicked
			c.Disconnect()
		}
	}()
	fire := last.Fire
	ch.last = connlist.Word(fire)
	feed(ch.whole, src, fire, ch.over)
	built = true
}

// over ends the chain when its sources have ended. If the connection is on a queue, it ends
// when the queue has handled what it has accepted by now.
func (ch *chain) over() {
	if !ch.whole.end() {
		return
	}
	if ch.queue == nil || ch.queue.Flush(gone) == nil {
		ch.conn.Disconnect()
		return
	}
	ch.whole.owner.Go(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		forget := handle.OnEnd(ch.conn, cancel)
		defer forget()
		if ch.queue.Flush(ctx) == nil {
			ch.conn.Disconnect()
		}
	})
}

// gone is a context that has ended, for a Flush that does not wait.
var gone = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// A life is the lifetime of a chain, or of a part of it that an operator lets go of before the
// rest. Its functions are called exactly once: the goroutine that ends the life takes the list
// under mu, and calls them without mu. A function that comes later finds dead set, and is
// called at once.
type life struct {
	chain *chain
	owner *tether.Owner // of the connections to sources

	mu   sync.Mutex // guards the fields below; a leaf
	dead bool
	ends []func()
}

// part returns a life that ends with l, or before.
func (l *life) part() *life {
	p := &life{chain: l.chain, owner: l.owner}
	l.onEnd(p.stop)
	return p
}

// alive reports whether l has not ended.
func (l *life) alive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.dead
}

// onEnd arranges for f to be called when l ends, or calls it now if l has ended. f must
// neither be user code nor wait.
func (l *life) onEnd(f func()) {
	l.mu.Lock()
	if !l.dead {
		l.ends = append(l.ends, f)
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	f()
}

// end ends l, and reports whether this call did it.
func (l *life) end() bool {
	l.mu.Lock()
	ends, first := l.ends, !l.dead
	l.dead, l.ends = true, nil
	l.mu.Unlock()
	for _, f := range ends {
		f()
	}
	return first
}

func (l *life) stop() { l.end() }

// feed arranges for emit to be called with the values of src for as long as l lasts, and
// for end to be called when src has ended.
func feed[T any](l *life, src tether.Source[T], emit func(T), end func()) {
	if r, ok := src.(recipe[T]); ok {
		r(l, emit, end)
		return
	}
	if !l.alive() {
		return
	}
	var told atomic.Pointer[tether.Connection]
	opts := append(l.chain.priority, handle.Made(func(connection any) {
		c := connection.(*tether.Connection)
		told.Store(c)
		l.disconnect(c)
	}).(tether.ConnectOption))
	c := src.Connect(l.owner, emit, opts...)
	if c == nil {
		panic("derive: Connect of a Source returned nil")
	}
	if c != told.Load() { // else the life has it already, even if Connect had panicked
		l.disconnect(c)
	}
	handle.OnEnd(c, end)
}

// disconnect arranges for c to be disconnected when l ends.
func (l *life) disconnect(c *tether.Connection) { l.onEnd(func() { c.Disconnect() }) }

// mustSource panics if src is nil.
func mustSource[T any](op string, src tether.Source[T]) {
	if check.Nil(src) {
		panic("derive: " + op + " with nil Source")
	}
}

// mustFunc panics if f, a function, is nil.
func mustFunc(op string, isNil bool) {
	if isNil {
		panic("derive: " + op + " with nil function")
	}
}
