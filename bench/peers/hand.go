package peers

import (
	"slices"
	"sync"
	"sync/atomic"
)

var bareLoop = Peer{
	Name: "bare loop", Kind: Sync, ByHand: true,
	New: func(int) Bus[int] { return new(Bare[int]) },
	Claims: Claims{
		Runs: "the firing goroutine", Full: "holds the firer",
		Ordered: true, Exact: true, Reenter: false, Typed: true,
		Why:  "does nothing but call: no lock, no liveness, one goroutine only",
		Ends: "can't end anything",
	},
}

var lockedSlice = Peer{
	Name: "RWMutex + slice", Kind: Sync, ByHand: true,
	New: func(int) Bus[int] { return new(LockedSlice[int]) },
	Claims: Claims{
		Runs: "the firing goroutine", Full: "holds the firer",
		Ordered: true, Exact: true, Barrier: true, Reenter: false, Typed: true,
		Why:  "holds a read lock across the handlers, which makes its end a barrier for nothing, but lets a handler that connects or disconnects hang",
		Ends: "appends to a slice; removal searches it, which in the order of connection is found at once, and moves the rest",
	},
}

var lockedMap = Peer{
	Name: "RWMutex + map", Kind: Sync, ByHand: true,
	New: func(int) Bus[int] { return &lockedMapBus[int]{m: make(map[*mapSub]func(int))} },
	Claims: Claims{
		Runs: "the firing goroutine", Full: "holds the firer",
		Ordered: true, Exact: true, Barrier: true, Reenter: false, Typed: true,
		Why:  "holds a read lock across the handlers and walks a map, in random order",
		Ends: "makes one insertion or deletion in a map; a handler that does so hangs",
	},
}

var copyOnWrite = Peer{
	Name: "copy-on-write slice", Kind: Sync, ByHand: true,
	New: func(int) Bus[int] { return new(cowBus[int]) },
	Claims: Claims{
		Runs: "the firing goroutine", Full: "holds the firer",
		Ordered: true, Exact: true, Barrier: false, Reenter: true, Typed: true,
		Why:  "loads one pointer and ranges over a frozen slice, without asking who is still alive",
		Ends: "copies the slice every time, which is cheap while it is short",
	},
}

var channelEach = Peer{
	Name: "channel per subscriber", Kind: Async, ByHand: true,
	New: func(capacity int) Bus[int] { return &channelBus[int]{capacity: capacity} },
	Claims: Claims{
		Runs: "a goroutine a subscriber", Full: "holds the firer",
		Ordered: true, Exact: true, Barrier: false, Typed: true,
		Why:  "sends on typed channels under a read lock, with no boxing and no goroutine between; its goroutines stay while they are idle",
		Ends: "makes a channel and a goroutine; removal searches a slice and closes the channel, and waits for nobody",
	},
}

// Bare ranges over a slice of functions: the least that delivery can cost. It
// may be used by one goroutine only.
type Bare[T any] struct{ Handlers []func(T) }

type bareSub[T any] struct{ index int }

// Connect appends handler.
func (b *Bare[T]) Connect(handler func(T)) Sub {
	b.Handlers = append(b.Handlers, handler)
	return &bareSub[T]{len(b.Handlers) - 1}
}

// Fire calls the handlers.
func (b *Bare[T]) Fire(v T) {
	for _, f := range b.Handlers {
		f(v)
	}
}

// Disconnect puts a function that does nothing in the handler's place, and drops
// those at the end.
func (b *Bare[T]) Disconnect(s Sub) {
	i := s.(*bareSub[T]).index
	b.Handlers[i] = func(T) {}
	if i == len(b.Handlers)-1 {
		b.Handlers = b.Handlers[:i]
	}
}

// Close drops the handlers.
func (b *Bare[T]) Close() { b.Handlers = nil }

type sliceSub[T any] struct{ handler func(T) }

// LockedSlice is what most people write: a slice of handlers under a lock for
// reading and writing.
type LockedSlice[T any] struct {
	mu   sync.RWMutex
	subs []*sliceSub[T]
}

// Connect appends handler.
func (b *LockedSlice[T]) Connect(handler func(T)) Sub {
	s := &sliceSub[T]{handler}
	b.mu.Lock()
	b.subs = append(b.subs, s)
	b.mu.Unlock()
	return s
}

// Fire calls the handlers, with a lock held.
func (b *LockedSlice[T]) Fire(v T) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, s := range b.subs {
		s.handler(v)
	}
}

// Disconnect searches the handler and takes it out.
func (b *LockedSlice[T]) Disconnect(s Sub) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.subs, s.(*sliceSub[T])); i >= 0 {
		b.subs = slices.Delete(b.subs, i, i+1)
	}
}

// Close drops the handlers.
func (b *LockedSlice[T]) Close() {
	b.mu.Lock()
	b.subs = nil
	b.mu.Unlock()
}

type mapSub struct{ _ byte }

type lockedMapBus[T any] struct {
	mu sync.RWMutex
	m  map[*mapSub]func(T)
}

func (b *lockedMapBus[T]) Connect(handler func(T)) Sub {
	s := new(mapSub)
	b.mu.Lock()
	b.m[s] = handler
	b.mu.Unlock()
	return s
}

func (b *lockedMapBus[T]) Fire(v T) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, f := range b.m {
		f(v)
	}
}

func (b *lockedMapBus[T]) Disconnect(s Sub) {
	b.mu.Lock()
	delete(b.m, s.(*mapSub))
	b.mu.Unlock()
}

func (b *lockedMapBus[T]) Close() {
	b.mu.Lock()
	clear(b.m)
	b.mu.Unlock()
}

type cowBus[T any] struct {
	subs atomic.Pointer[[]*sliceSub[T]]

	mu sync.Mutex // one writer at a time
}

func (b *cowBus[T]) load() []*sliceSub[T] {
	if p := b.subs.Load(); p != nil {
		return *p
	}
	return nil
}

func (b *cowBus[T]) Connect(handler func(T)) Sub {
	s := &sliceSub[T]{handler}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.load()
	subs := make([]*sliceSub[T], len(old)+1)
	copy(subs, old)
	subs[len(old)] = s
	b.subs.Store(&subs)
	return s
}

func (b *cowBus[T]) Fire(v T) {
	for _, s := range b.load() {
		s.handler(v)
	}
}

func (b *cowBus[T]) Disconnect(s Sub) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.load()
	i := slices.Index(old, s.(*sliceSub[T]))
	if i < 0 {
		return
	}
	subs := make([]*sliceSub[T], 0, len(old)-1)
	subs = append(append(subs, old[:i]...), old[i+1:]...)
	b.subs.Store(&subs)
}

func (b *cowBus[T]) Close() { b.subs.Store(nil) }

type channelBus[T any] struct {
	capacity int

	mu   sync.RWMutex
	subs []chan T
}

func (b *channelBus[T]) Connect(handler func(T)) Sub {
	ch := make(chan T, b.capacity)
	b.mu.Lock()
	b.subs = append(b.subs, ch)
	b.mu.Unlock()
	go func() {
		for v := range ch {
			handler(v)
		}
	}()
	return ch
}

func (b *channelBus[T]) Fire(v T) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, ch := range b.subs {
		ch <- v
	}
}

func (b *channelBus[T]) Disconnect(s Sub) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.subs, s.(chan T)); i >= 0 {
		b.subs = slices.Delete(b.subs, i, i+1)
		close(s.(chan T))
	}
}

func (b *channelBus[T]) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ch := range b.subs {
		close(ch)
	}
	b.subs = nil
}
