package tethernats

import (
	"context"
	"fmt"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/goroutine"
)

// An inlet is a loop that takes messages in for its handlers. Its Conn knows it, so that Drain
// can end it in good order.
type inlet struct {
	taking  context.Context // ends with the owner of the loop, and by drain
	drain   func()          // has the loop finish what has arrived
	ended   chan struct{}   // closed when the loop has ended
	dropped func() uint64   // what a live subscription has dropped; nil if it can't
}

// enter makes an inlet of o's known, or says why there is to be none.
func (c *Conn) enter(o *tether.Owner, dropped func() uint64) (*inlet, error) {
	in := &inlet{ended: make(chan struct{}), dropped: dropped}
	in.taking, in.drain = context.WithCancel(o.Context())
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.owner.Alive() || c.nc.IsClosed() {
		in.drain()
		return nil, ErrClosed
	}
	if c.draining {
		in.drain()
		return nil, ErrDraining
	}
	c.inlets[in] = struct{}{}
	return in, nil
}

// leave is called at the end of the loop, by its goroutine.
func (c *Conn) leave(in *inlet) {
	c.mu.Lock()
	delete(c.inlets, in)
	if in.dropped != nil {
		c.counts.dropped.Add(in.dropped())
	}
	c.mu.Unlock()
	in.drain()
	close(in.ended)
}

// Drain finishes what is buffered. Nothing more is taken in by any [Subscribe], [Consume],
// [Reply] and [Bridge] of c; what has arrived is handled and acknowledged; these end; and what
// was published is sent. It is for before Destroy, which drops what a Subscribe has and gives
// back what a Consume has fetched. Publishing goes on to work.
//
// If ctx ends first, Drain returns its cause; what has begun goes on. Inside a handler it does
// not wait, and returns [tether.ErrPending].
func (c *Conn) Drain(ctx context.Context) error {
	c.check("Drain")
	if ctx == nil {
		panic("tethernats: Drain with nil context")
	}
	c.mu.Lock()
	inlets := make([]*inlet, 0, len(c.inlets))
	for in := range c.inlets {
		in.drain()
		inlets = append(inlets, in)
	}
	c.draining = true
	c.mu.Unlock()
	if goroutine.MustNotWait() {
		return tether.ErrPending
	}
	for _, in := range inlets {
		select {
		case <-in.ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := c.flush(ctx, patience); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("tethernats: drain: %w", err)
	}
	return nil
}
