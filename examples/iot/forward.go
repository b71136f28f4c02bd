package main

import (
	"io"
	"sync"

	"github.com/seed-ec287111/tether"
)

// A Publisher is a connection to a broker in another process.
type Publisher interface {
	Publish(batch []Reading) error
	io.Closer
}

// A Forwarder publishes readings in batches. What it has accepted is published before its
// owner has ended, and whatever is not published is counted.
type Forwarder struct {
	pub   Publisher
	size  int
	queue *tether.Queue // of readings alone, so that what it drops are readings

	mu    sync.Mutex // guards the fields below
	batch []Reading
	sent  int
	lost  int // that the publisher has refused
}

// Forward has what src fires published, and pub closed at the end.
func Forward(owner *tether.Owner, src tether.Source[Reading], beat tether.Source[tether.Tick], pub Publisher, size int) *Forwarder {
	f := &Forwarder{pub: tether.Own(owner, pub), size: size}
	owner.Defer(func() { f.flush(1) }) // when the queue has handled all
	f.queue = tether.NewQueue(owner, 1<<15, tether.DropOldest, tether.Finish())
	src.Connect(owner, f.add, tether.On(f.queue))
	beat.Connect(owner, func(tether.Tick) { f.flush(1) })
	return f
}

func (f *Forwarder) add(r Reading) {
	f.mu.Lock()
	f.batch = append(f.batch, r)
	f.mu.Unlock()
	f.flush(f.size)
}

// flush publishes the batch if there are so many in it.
func (f *Forwarder) flush(least int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.batch) < least {
		return
	}
	if f.pub.Publish(f.batch) == nil {
		f.sent += len(f.batch)
	} else {
		f.lost += len(f.batch)
	}
	f.batch = f.batch[:0]
}

// Account says what has become of the readings, when the owner has ended.
func (f *Forwarder) Account() (sent, lost, dropped int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent, f.lost, int(f.queue.Dropped())
}
