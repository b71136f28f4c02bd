// Package feed is the API of event.Feed and event.SubscriptionScope, of
// github.com/ethereum/go-ethereum, on signals and owners.
package feed

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/event"

	"github.com/seed-ec287111/tether"
)

// A Feed sends values to channels. All have the type of the first one. The zero Feed is
// ready; one made by New ends with its owner, which ends the subscriptions.
type Feed struct {
	once   sync.Once
	owner  *tether.Owner
	values reflect.Type
	turn   chan struct{} // holds a token while somebody sends
	sends  tether.Signal[*sending]
}

// New returns a feed whose subscriptions live in owner.
func New(owner *tether.Owner) *Feed { return &Feed{owner: owner} }

// A sending is one Send.
type sending struct {
	v    reflect.Value
	sent atomic.Int64
	held sync.WaitGroup // the channels that had no room
}

// must makes f one of values of type t, or panics if it is another's.
func (f *Feed) must(op string, t reflect.Type) {
	f.once.Do(func() {
		f.values, f.turn = t, make(chan struct{}, 1)
		if f.owner == nil { // nobody can be asked to end a zero Feed
			f.owner = tether.NewOwner("feed", tether.Unattended())
		}
	})
	if t != f.values {
		panic(fmt.Sprintf("feed: %s of %v to a Feed of %v", op, t, f.values))
	}
}

// Subscribe has the values of every later Send sent to channel, until Unsubscribe.
func (f *Feed) Subscribe(channel any) event.Subscription {
	ch := reflect.ValueOf(channel)
	if ch.Kind() != reflect.Chan || ch.Type().ChanDir()&reflect.SendDir == 0 {
		panic(fmt.Sprintf("feed: Subscribe with %T, not a channel to send on", channel))
	}
	f.must("Subscribe", ch.Type().Elem())
	s := &subscription{owner: f.owner.NewChild("subscription"), err: make(chan error)}
	s.owner.Defer(func() { close(s.err) })
	f.sends.Connect(s.owner, func(x *sending) {
		if ch.TrySend(x.v) {
			x.sent.Add(1)
			return
		}
		x.held.Add(1)
		if !s.owner.Go(func(ctx context.Context) { defer x.held.Done(); x.send(ctx, ch) }) {
			x.held.Done()
		}
	})
	return s
}

// send waits for room in ch, or for the end of ctx.
func (x *sending) send(ctx context.Context, ch reflect.Value) {
	chosen, _, _ := reflect.Select([]reflect.SelectCase{
		{Dir: reflect.SelectSend, Chan: ch, Send: x.v},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())},
	})
	if chosen == 0 {
		x.sent.Add(1)
	}
}

// Send sends value to all channels, and returns when each has it or has been unsubscribed.
// It returns the number of those that have it.
func (f *Feed) Send(value any) int {
	x := &sending{v: reflect.ValueOf(value)}
	f.must("Send", x.v.Type())
	f.turn <- struct{}{}
	defer func() { <-f.turn }()
	f.sends.Fire(x)
	x.held.Wait()
	return int(x.sent.Load())
}

// A subscription is an owner: when it has ended, nothing more is sent.
type subscription struct {
	owner *tether.Owner
	err   chan error // closed in the unwinding
}

func (s *subscription) Unsubscribe()      { s.owner.Destroy() }
func (s *subscription) Err() <-chan error { return s.err }

// A Scope has the methods of event.SubscriptionScope: it is an owner, too.
type Scope struct {
	once  sync.Once
	owner *tether.Owner
}

func (s *Scope) of() *tether.Owner {
	s.once.Do(func() { s.owner = tether.NewOwner("scope", tether.Unattended()) })
	return s.owner
}

// Track has sub unsubscribed by Close. On a closed scope it returns nil.
func (s *Scope) Track(sub event.Subscription) event.Subscription {
	if !s.of().Alive() {
		return nil
	}
	o := s.owner.NewChild("tracked")
	o.Interrupt(sub.Unsubscribe)
	return &tracked{sub, o}
}

// Close unsubscribes all.
func (s *Scope) Close() { s.of().Destroy() }

// Count returns how many are tracked.
func (s *Scope) Count() int { return max(0, s.of().Stats().Owners-1) }

type tracked struct {
	event.Subscription
	owner *tether.Owner
}

func (t *tracked) Unsubscribe() { t.owner.Destroy() }
