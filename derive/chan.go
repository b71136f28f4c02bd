package derive

import (
	"context"
	"fmt"
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Chan returns a channel with room for capacity values. The values of src are sent to it,
// on the goroutine that called Fire. If the channel is full, overflow says what happens.
// With [tether.Block] the Fire is held until the channel has room or owner is cut off. If
// the firing goroutine is an owned one, the cut-off of that goroutine's owner lets the Fire
// go too.
//
// The channel is closed when src has ended, with Block after the values of held Fires were
// received. Otherwise it is closed when owner unwinds, in turn with the owner's cleanups.
// The values in it can still be received after that. As with any channel, nothing counts
// the values that were dropped, and a goroutine that both fires and receives can hold
// itself.
//
// With Block the channel has more room if src gives more than capacity values before Chan
// returns, as package history does: nobody has the channel yet.
//
// Chan panics if capacity < 1.
func Chan[T any](owner *tether.Owner, src tether.Source[T], capacity int, overflow tether.Overflow) <-chan T {
	handle.Scope("derive: Chan", owner)
	mustSource("Chan", src)
	switch {
	case capacity < 1:
		panic(fmt.Sprintf("derive: Chan with capacity %d", capacity))
	case overflow != tether.Block && overflow != tether.DropOldest && overflow != tether.DropNewest:
		panic(fmt.Sprintf("derive: Chan with overflow %v", overflow))
	}
	o := &outlet[T]{ch: make(chan T, capacity), overflow: overflow, ctx: owner.Context(), opening: true}
	stop := owner.Defer(o.close)
	connected := false
	defer func() {
		if !connected { // Connect of src has panicked
			stop()
		}
	}()
	var last tether.Signal[T]
	c := last.Connect(owner, o.put)
	open(src, owner, &last, c, nil)
	connected = true
	ch := o.open()
	handle.OnEnd(c, func() {
		if owner.Alive() && stop() {
			o.close()
		}
	})
	return ch
}

// An outlet is a Chan.
//
// The channel is closed once, when closing is set and no send is held. The goroutine that
// sets closing or ends the last held send closes it, in the same critical section. A send
// that does not wait is made under mu. A held send is counted in sending.
type outlet[T any] struct {
	overflow tether.Overflow
	ctx      context.Context // of the owner

	mu      sync.Mutex // guards the fields below
	ch      chan T     // does not change once opening is false
	opening bool       // Chan has not returned
	early   []T        // what has come meanwhile with Block, and finds no room in ch
	sending int
	closing bool
}

// open returns the channel, with room for what has come early.
func (o *outlet[T]) open() <-chan T {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opening = false
	if len(o.early) > 0 {
		full := o.ch
		o.ch = make(chan T, cap(full)+len(o.early))
		for range cap(full) {
			o.ch <- <-full
		}
		for _, v := range o.early {
			o.ch <- v
		}
		o.early = nil
		o.closeLocked() // owner may have ended, with full
	}
	return o.ch
}

func (o *outlet[T]) put(v T) {
	if o.putNow(v) {
		return
	}
	send(o.ctx, nil, o.ch, v)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sending--
	o.closeLocked()
}

// putNow sends or drops v, if it can do so at once. Otherwise it counts v in sending and
// returns false. Then the caller must send v.
func (o *outlet[T]) putNow(v T) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.closing {
		select {
		case o.ch <- v:
			return true
		default:
		}
		switch {
		case o.overflow == tether.Block && o.opening:
			o.early = append(o.early, v)
			return true
		case o.overflow == tether.Block:
			o.sending++
			return false
		case o.overflow == tether.DropNewest:
			return true
		}
		select {
		case <-o.ch:
		default:
		}
	}
	return true
}

// close closes the channel when the held sends are over.
func (o *outlet[T]) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closing = true
	o.closeLocked()
}

func (o *outlet[T]) closeLocked() {
	if o.closing && o.sending == 0 {
		close(o.ch)
	}
}

// Send arranges for the values of src to be sent to ch. It never closes ch. If ch has no
// room, a Fire is held until there is room or the Connection ends. If the firing goroutine
// is an owned one, the cut-off of that goroutine's owner ends the hold too. A Fire that is
// let go of without room drops its value.
func Send[T any](owner *tether.Owner, src tether.Source[T], ch chan<- T) *tether.Connection {
	handle.Scope("derive: Send", owner)
	mustSource("Send", src)
	if ch == nil {
		panic("derive: Send with nil channel")
	}
	ctx := owner.Context()
	ended := make(chan struct{})
	var last tether.Signal[T]
	c := last.Connect(owner, func(v T) {
		select {
		case ch <- v:
		default:
			send(ctx, ended, ch, v)
		}
	})
	handle.OnEnd(c, func() { close(ended) })
	open(src, owner, &last, c, nil)
	return c
}

// send sends v to ch, unless ctx or ended ends first. If the calling goroutine is an owned
// one, the cut-off of its owner ends the wait too, because the receiver may be the goroutine
// that calls Destroy of that owner.
func send[T any](ctx context.Context, ended <-chan struct{}, ch chan<- T, v T) {
	cut := make(chan struct{})
	var once sync.Once
	release, ok := scope.HoldBack(func() { once.Do(func() { close(cut) }) })
	if !ok {
		return
	}
	defer release()
	select {
	case ch <- v:
	case <-ctx.Done():
	case <-ended:
	case <-cut:
	}
}
