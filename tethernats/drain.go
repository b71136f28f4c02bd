package tethernats

import (
	"context"
	"fmt"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/goroutine"
)

// An inlet takes messages in for its handlers. Its Conn knows it, so that Drain
// can end it in good order.
type inlet struct {
	drain   func()        // has what has arrived finished
	ended   chan struct{} // closed when nothing more is taken in, and that is done
	dropped func() uint64 // what a live subscription has dropped; nil if it can't
	left    bool          // guarded by the Conn's mu
}

// enter makes an inlet known, or says why there is to be none.
func (c *Conn) enter(drain func(), dropped func() uint64) (*inlet, error) {
	in := &inlet{drain: drain, ended: make(chan struct{}), dropped: dropped}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.owner.Alive() || c.nc.IsClosed() {
		return nil, ErrClosed
	}
	if c.draining {
		return nil, ErrDraining
	}
	c.inlets[in] = struct{}{}
	return in, nil
}

// leave is called at the end of an inlet. Further calls do nothing.
func (c *Conn) leave(in *inlet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if in.left {
		return
	}
	in.left = true
	delete(c.inlets, in)
	if in.dropped != nil {
		c.counts.dropped.Add(in.dropped())
	}
	close(in.ended)
}

// Drain finishes what is buffered. No [Subscribe], [Consume], [Reply] or [Bridge] of c
// takes in anything more. What has arrived is handled and acknowledged, and then they end.
// What was published is sent. Call Drain before Destroy, which drops what a Subscribe has
// and gives back what a Consume has fetched. Publishing still works after it.
//
// If ctx ends first, Drain returns its cause, and what has begun goes on. Inside a handler
// Drain does not wait, and returns [tether.ErrPending].
func (c *Conn) Drain(ctx context.Context) error {
	c.check("Drain")
	if ctx == nil {
		panic("tethernats: Drain with nil context")
	}
	c.mu.Lock()
	inlets := make([]*inlet, 0, len(c.inlets))
	for in := range c.inlets {
		inlets = append(inlets, in)
	}
	c.draining = true
	c.mu.Unlock()
	for _, in := range inlets {
		in.drain()
	}
	if len(inlets) > 0 && c.nc.IsConnected() && c.flush(ctx, lastPatience) == nil {
		for _, in := range inlets { // nothing more comes, and so nothing more is dropped
			if in.dropped != nil {
				in.dropped()
			}
		}
	}
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
