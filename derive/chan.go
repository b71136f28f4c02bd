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
// itself. So can Chan with Block, if src replays more values than the channel has room for,
// as package history does: nobody has the channel yet. Use [tether.Values] there.
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
	o := &outlet[T]{ch: make(chan T, capacity), overflow: overflow, ctx: owner.Context()}
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
	handle.OnEnd(c, func() {
		if owner.Alive() && stop() {
			o.close()
		}
	})
	return o.ch
}

// An outlet is a Chan.
//
// The channel is closed once, when closing is set and no send is held. The goroutine that
// sets closing or ends the last held send closes it, in the same critical section. A send
// that does not wait is made under mu. A held send is counted in sending.
type outlet[T any] struct {
	ch       chan T
	overflow tether.Overflow
	ctx      context.Context // of the owner

	mu      sync.Mutex // guards the fields below
	sending int
	closing bool
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
		switch o.overflow {
		case tether.Block:
			o.sending++
			return false
		case tether.DropNewest:
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
