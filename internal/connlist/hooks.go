package connlist

import (
	"slices"
	"sync/atomic"
	"unsafe"
)

// Hooks is what only some connections have. The list's mu guards its fields, or they are
// set before the connection is made.
//
// Which functions are called, each once and with no lock held:
//
//	                          Ended   OnEnd
//	the connection ends       yes     yes
//	it is spent               no      yes
//	its owner or signal ends
//	after that                yes     no
//	it is released            no      no
type Hooks struct {
	Ended  func()  // no value may come of the connection any more
	PC     uintptr // of the user's handler, if the entry's word is another function; guarded
	Queued any     // what its queue knows of it; nil if it is on none

	ends  *watcher       // see OnEnd; the newest
	taken bool           // between Claim and Delivered
	gone  chan struct{}  // see Gone; nil before the first use
	muted atomic.Int32   // written with the list's mu held
	word  unsafe.Pointer // the handler while muted
}

func (c *Conn) callHooks() {
	if c.hooks == nil {
		return
	}
	c.list.mu.Lock()
	ended, ends := c.hooks.Ended, c.hooks.takeEndsLocked(true)
	c.hooks.Ended, c.hooks.Queued = nil, nil
	delete(c.list.spent, c) // if it was spent, and its owner has ended
	c.list.mu.Unlock()
	call(ended)
	ends.call()
}

// call calls f, if that is not nil.
func call(f func()) {
	if f != nil {
		f()
	}
}

// OnEnd arranges for f to be called when c ends, spent or otherwise, or calls it now if c
// has ended. forget takes f back. f must not be user code, and must not wait.
func (c *Conn) OnEnd(f func()) (forget func()) { return c.onEnd(f, false) }

// AfterEnd is OnEnd for a receiver of the values of c. If a value spends c, f is called
// when the value has been delivered, to the handler or to its queue. So no value comes
// after f.
func (c *Conn) AfterEnd(f func()) (forget func()) { return c.onEnd(f, true) }

func (c *Conn) onEnd(f func(), late bool) (forget func()) {
	if c.list != nil {
		c.list.mu.Lock()
		if c.Live() || late && c.hooks != nil && c.hooks.taken {
			w := c.watchLocked(f)
			w.late = late
			c.list.mu.Unlock()
			return func() { c.forget(w) }
		}
		c.list.mu.Unlock()
	}
	f()
	return func() {}
}

// Gone returns a channel that is closed when c ends, as by OnEnd. Gone makes it, so Connect
// does not pay for it.
func (c *Conn) Gone() <-chan struct{} {
	if c.list != nil {
		c.list.mu.Lock()
		defer c.list.mu.Unlock()
		if c.hooks != nil && c.hooks.gone != nil {
			return c.hooks.gone
		}
		if c.Live() {
			gone := make(chan struct{})
			c.watchLocked(func() { close(gone) })
			c.hooks.gone = gone
			return gone
		}
	}
	gone := make(chan struct{}) // not one for all: a bubble's channel is of no use outside
	close(gone)
	return gone
}

// watchLocked arranges for f to be called when c ends. c is alive, or between Claim and
// Delivered.
func (c *Conn) watchLocked(f func()) *watcher {
	if c.hooks == nil {
		c.hooks = new(Hooks)
	}
	w := &watcher{f: f, older: c.hooks.ends}
	if w.older != nil {
		w.older.newer = w
	}
	c.hooks.ends = w
	return w
}

// A watcher is a function given to OnEnd or AfterEnd, in the list of its connection.
type watcher struct {
	f            func() // nil once taken
	late         bool   // by AfterEnd
	older, newer *watcher
}

// takeEndsLocked takes out what is to be called, and returns it oldest first. late says
// whether that includes what was given to AfterEnd.
func (h *Hooks) takeEndsLocked(late bool) (all watchers) {
	for w := h.ends; w != nil; w = w.older {
		if late || !w.late {
			all = append(all, w.f)
			h.removeLocked(w)
		}
	}
	slices.Reverse(all)
	return all
}

// removeLocked takes w, which is in the list, out of it. w still knows what was older.
func (h *Hooks) removeLocked(w *watcher) {
	w.f = nil
	if w.newer != nil {
		w.newer.older = w.older
	} else {
		h.ends = w.older
	}
	if w.older != nil {
		w.older.newer = w.newer
	}
}

type watchers []func()

func (all watchers) call() {
	for _, f := range all {
		f()
	}
}

func (c *Conn) forget(w *watcher) {
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	if w.f != nil {
		c.hooks.removeLocked(w)
	}
}
