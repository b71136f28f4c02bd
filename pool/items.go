package pool

import (
	"container/list"
	"context"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/scope"
)

// The way of an item: take lets an Acquire have it, or a free slot to make it in; lend ties
// it to an owner; giveBack, pass and put bring it back; drop disposes of it.

// take returns an item. If it returns nil and no error, the caller has a free slot, and must
// call make or pass. take waits until there is an item or a slot, or the Acquire fails.
func (p *Pool[T]) take(ctx context.Context, owner *scope.Scope) (it *item[T], err error) {
	p.mu.Lock()
	switch {
	case len(p.idle) > 0:
		it = p.popLocked()
		p.mu.Unlock()
		return it, nil
	case p.limit == 0 || p.leased+p.making < p.limit:
		p.making++
		p.mu.Unlock()
		return nil, nil
	}
	turn := make(chan *item[T], 1)
	place := p.waiting.PushBack(turn)
	p.mu.Unlock()

	served, over := false, false
	defer func() { // also if a method of ctx panics
		if over {
			return
		}
		if !served {
			it, served = p.leave(place)
		}
		if served {
			p.pass(it)
		}
		it = nil
	}()
	if inCleanup() { // not under mu, because it reads the stack
		over = true
		if it, served = p.leave(place); !served {
			return nil, tether.ErrPending
		}
		return it, nil
	}
	select {
	case it = <-turn:
		served = true
	case <-ctx.Done():
	case <-owner.Context().Done():
	case <-p.life.ended:
	}
	err = p.refusal(ctx, owner)
	if err == nil && !served { // ctx is done, and has no error
		err = context.Canceled
	}
	over = err == nil
	return it, err
}

// leave takes a place out of the line, unless it has been served.
func (p *Pool[T]) leave(place *list.Element) (it *item[T], served bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case it = <-place.Value.(chan *item[T]):
		return it, true
	default:
		p.waiting.Remove(place)
		return nil, false
	}
}

// serveLocked gives it to the first place in the line, a slot if it is nil. It reports
// whether there was a place.
func (p *Pool[T]) serveLocked(it *item[T]) bool {
	first := p.waiting.Front()
	if first == nil {
		return false
	}
	p.waiting.Remove(first)
	first.Value.(chan *item[T]) <- it // never blocks: each place is served once
	return true
}

// popLocked takes out the newest idle item.
func (p *Pool[T]) popLocked() *item[T] {
	n := len(p.idle) - 1
	it := p.idle[n]
	p.idle[n] = nil
	p.idle = p.idle[:n]
	p.leased++
	return it
}

// make makes an item in the caller's slot. If that fails, the slot is free again.
func (p *Pool[T]) make() (it *item[T], err error) {
	defer func() { // also if newT panics
		p.mu.Lock()
		defer p.mu.Unlock()
		p.making--
		if it == nil {
			p.freedLocked()
			return
		}
		p.made++
		p.leased++
	}()
	v, err := p.newT()
	if err != nil {
		return nil, err
	}
	return &item[T]{v}, nil
}

// freedLocked gives a free slot to the first place in the line, if there is one.
func (p *Pool[T]) freedLocked() {
	if p.serveLocked(nil) {
		p.making++
	}
}

// lend makes a lease of a leased item for owner. If the pool or owner is dead by then, lend
// takes the item back.
func (p *Pool[T]) lend(it *item[T], owner *scope.Scope) (*Lease[T], error) {
	l := &Lease[T]{pool: p}
	l.item.Store(it)
	l.tie(owner)
	if err := p.dead(owner); err != nil {
		l.Release()
		return nil, err
	}
	return l, nil
}

// giveBack takes back an item that may have been used.
func (p *Pool[T]) giveBack(it *item[T]) {
	if p.reset != nil && !p.life.over() {
		clean := false
		defer func() {
			if !clean {
				p.drop(it)
			}
		}()
		p.reset(it.value)
		clean = true
	}
	p.put(it)
}

// pass takes back an unused item or slot.
func (p *Pool[T]) pass(it *item[T]) {
	if it != nil {
		p.put(it)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.making--
	p.freedLocked()
}

// put takes back a clean item.
func (p *Pool[T]) put(it *item[T]) {
	p.mu.Lock()
	closed := p.closed
	if !closed && !p.serveLocked(it) {
		p.leased--
		p.idle = append(p.idle, it)
	}
	p.mu.Unlock()
	if closed {
		p.drop(it)
	}
}

// drop disposes of a leased item. After that its slot is free.
func (p *Pool[T]) drop(it *item[T]) {
	defer func() { // also if dispose panics
		p.mu.Lock()
		defer p.mu.Unlock()
		p.leased--
		p.disposed++
		p.freedLocked()
	}()
	if p.dispose != nil {
		p.dispose(it.value)
	}
}

// close disposes of the idle items when the owner unwinds. A panic goes on when all of them
// have had their turn.
func (p *Pool[T]) close() {
	finally.Each(func() bool {
		p.mu.Lock()
		p.closed = true
		if len(p.idle) == 0 {
			p.mu.Unlock()
			return false
		}
		it := p.popLocked()
		p.mu.Unlock()
		p.drop(it)
		return true
	})
}
