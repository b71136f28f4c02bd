package connlist

import (
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Conn is one connection. The zero Conn is dead.
type Conn struct {
	node  scope.Node // in the owner, guarded by that one's mutex
	owner *scope.Scope
	list  *List
	seq   uint64 // its number

	// Guarded by list.mu.
	block *Block // nil once dead
	index int32
	state atomic.Uint32 // written with list.mu held, or the owner's for pending
	hooks *Hooks        // nil for most
}

// The states of a Conn.
const (
	dead uint32 = iota
	live
	pending // dead, but its owner and list keep it until Release, see Spend
)

// Hooks is what only some connections have. Its fields are guarded by the list's mu, or
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
	Ended  func()  // nothing may come of the connection any more
	PC     uintptr // of the user's handler, if the entry's word is another one; guarded
	Queued any     // what its queue knows of it; nil if it is on none

	ends  *watcher       // see OnEnd; the newest
	taken bool           // between Claim and Delivered
	gone  chan struct{}  // see Gone; nil before the first use
	muted atomic.Int32   // written with the list's mu held
	word  unsafe.Pointer // the handler while muted
}

// Word returns the single pointer that a func value is.
func Word[T any](f func(T)) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&f)) }

// Call calls the handler whose word is w. It compiles to a plain indirect call.
func Call[T any](w unsafe.Pointer, v T) { (*(*func(T))(unsafe.Pointer(&w)))(v) }

// end ends c in the list's book. The caller clears the owner's, then calls
// done with no lock held.
func (c *Conn) end() (done func(), ok bool) {
	l := c.list
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ok := l.removeLocked(c)
	if !ok {
		return nil, false
	}
	if last == nil && (c.hooks == nil || c.hooks.Ended == nil && c.hooks.ends == nil) {
		return nil, true
	}
	return func() {
		last.end()
		c.callHooks()
	}, true
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

// Disconnect ends c and reports whether this call did it. When it returns, no
// Fire that begins later calls the handler, and both books have forgotten c.
func (c *Conn) Disconnect() bool {
	if c.list == nil {
		return false
	}
	done, ok := c.end()
	if !ok {
		return false
	}
	yield.Point("disconnect: ended")
	c.owner.Detach(&c.node)
	call(done)
	return true
}

// Claim is Disconnect by the call that c is for, as it is for one. When that has returned,
// it is to call Delivered. c must have Hooks.
func (c *Conn) Claim() bool {
	l := c.list
	l.mu.Lock()
	last, ok := l.removeLocked(c)
	if !ok {
		l.mu.Unlock()
		return false
	}
	c.hooks.taken = true
	ends := c.hooks.takeEndsLocked(false)
	l.mu.Unlock()
	yield.Point("disconnect: ended")
	c.owner.Detach(&c.node)
	last.end()
	ends.call()
	return true
}

// Delivered calls what [Conn.AfterEnd] has put off.
func (c *Conn) Delivered() {
	c.list.mu.Lock()
	c.hooks.taken = false
	ends := c.hooks.takeEndsLocked(true)
	c.list.mu.Unlock()
	ends.call()
}

// Spend ends c, for a value that is still to be delivered: until Release, the
// end of c's owner and the closing of the list still call Hooks.Ended. The
// caller may hold a lock that comes after the owner's; rest is to be called
// without it.
func (c *Conn) Spend() (rest func(), ok bool) {
	l := c.list
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ok := l.removeLocked(c)
	if !ok {
		return nil, false
	}
	if l.spent == nil {
		l.spent = make(map[*Conn]struct{})
	}
	l.spent[c] = struct{}{}
	ends := c.hooks.takeEndsLocked(true)
	return func() {
		yield.Point("spend: rest")
		c.owner.Change(&c.node, func() { c.state.Store(pending) })
		last.end()
		ends.call()
	}, true
}

// Release makes both books forget a spent c. Its Hooks.Ended will not be called.
func (c *Conn) Release() {
	yield.Point("spend: release")
	c.owner.Detach(&c.node)
	c.list.mu.Lock()
	delete(c.list.spent, c)
	c.hooks.Ended, c.hooks.Queued = nil, nil
	c.list.mu.Unlock()
}

// OnEnd arranges for f to be called when c ends, spent or otherwise, or calls it now if
// that has happened. forget takes that back. f must not be user code, and must not wait.
func (c *Conn) OnEnd(f func()) (forget func()) { return c.onEnd(f, false) }

// AfterEnd is OnEnd for who gets the values of c: if one spends it, f is called when that has
// been delivered, to the handler or to its queue. So nothing comes after f.
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

// Gone returns a channel that is closed when c ends, as by OnEnd. It is made here, so that
// who connects does not pay for it.
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

// watchLocked has f called when c, which is alive, ends.
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

// A watcher is a function given to OnEnd or AfterEnd, in the list of those of one connection.
type watcher struct {
	f            func() // nil once taken
	late         bool   // by AfterEnd
	older, newer *watcher
}

// takeEndsLocked returns what is to be called, the oldest first; late says whether what was
// given to AfterEnd is.
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

// Attribute notes where the user's handler starts, as pc, if the one that c calls is another
// function: one that the library, or a source of the user's own, has put around it.
func (c *Conn) Attribute(pc uintptr) {
	if c.list == nil || c.Describe().PC == pc {
		return
	}
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	if !c.Live() {
		return
	}
	if c.hooks == nil {
		c.hooks = new(Hooks)
	}
	c.hooks.PC = pc
}

// Queued returns what c's queue knows of it, nil if it is on none, or has ended.
func (c *Conn) Queued() any {
	if c.list == nil {
		return nil
	}
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	if c.hooks == nil {
		return nil
	}
	return c.hooks.Queued
}

// Live reports whether c has not ended.
func (c *Conn) Live() bool { return c.state.Load() == live }

// Owner returns the scope that c belongs to.
func (c *Conn) Owner() *scope.Scope { return c.owner }

// Callable reports whether a value that was fired when c was alive may still be
// handled: c is neither muted nor dead, or if spent, its owner and signal live.
// It is for connections that were made with Hooks.
func (c *Conn) Callable(spent bool) bool {
	if spent {
		return c.owner.Alive() && !c.list.closed.Load()
	}
	return c.owner.Alive() && c.Live() && c.hooks.muted.Load() == 0
}

// Muted reports whether c is muted, or was when it ended. It is for connections that were
// made with Hooks.
func (c *Conn) Muted() bool { return c.hooks.muted.Load() > 0 }

// Mute takes the handler out of its entry, until as many calls of Unmute.
func (c *Conn) Mute() {
	if c.list == nil {
		return
	}
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	if !c.Live() {
		return
	}
	if c.hooks == nil {
		c.hooks = new(Hooks)
	}
	if c.hooks.muted.Add(1) == 1 {
		c.hooks.word = atomic.SwapPointer(&c.block.entries[c.index].word, nil)
	}
}

// Unmute undoes one Mute. It does nothing for a connection that is dead.
func (c *Conn) Unmute() {
	if c.list == nil {
		return
	}
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	if !c.Live() {
		return
	}
	if c.hooks.muted.Add(-1) == 0 {
		atomic.StorePointer(&c.block.entries[c.index].word, c.hooks.word)
		c.hooks.word = nil
	}
}

// Kind makes a Conn a member of its owner.
func (c *Conn) Kind() scope.Kind {
	if c.state.Load() == pending {
		return scope.Resource
	}
	return scope.Connection
}

// Cut makes a Conn a member of its owner.
func (c *Conn) Cut(co *scope.Cutoff) {
	co.Remove(c.owner, &c.node)
	done, ok := c.end()
	if !ok && c.hooks != nil {
		done = c.callHooks // spent, or about to be told
	}
	if done != nil {
		co.After(done)
	}
}
