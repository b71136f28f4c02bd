// Package eventbus is the API of github.com/asaskevich/EventBus on package bus.
package eventbus

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
)

// A Bus has the methods of EventBus.Bus. It takes an owner, which the original has not: at
// its end all subscriptions end, and the last handler has returned.
type Bus struct {
	owner  *tether.Owner
	topics *bus.Bus
	async  sync.WaitGroup // calls on goroutines

	mu   sync.Mutex // guards the fields below
	subs map[string][]*subscription
}

// A subscription is found by its function, as the caller has nothing else in hand.
type subscription struct {
	callback reflect.Value
	conn     *tether.Connection
	queue    *tether.Queue // of a transactional one; else nil
	end      func()
}

// New returns a bus whose subscriptions live in owner.
func New(owner *tether.Owner) *Bus {
	return &Bus{owner: owner, topics: bus.New(owner, "eventbus"), subs: make(map[string][]*subscription)}
}

// topic returns the topic of a name, which may be any string.
func (b *Bus) topic(name string) *bus.Topic[[]any] {
	return bus.Named[[]any](b.topics, "_"+bus.Token(name))
}

// Subscribe has fn called with the arguments of each Publish.
func (b *Bus) Subscribe(topic string, fn any) error {
	return b.subscribe(topic, fn, func(s *subscription) {
		s.conn = b.topic(topic).Connect(b.owner, s.call)
	})
}

// SubscribeOnce is Subscribe for a single call.
func (b *Bus) SubscribeOnce(topic string, fn any) error {
	return b.subscribe(topic, fn, func(s *subscription) {
		s.conn = b.topic(topic).Once(b.owner, s.call)
	})
}

// SubscribeAsync has fn called on another goroutine: one after the other if transactional.
func (b *Bus) SubscribeAsync(topic string, fn any, transactional bool) error {
	return b.subscribe(topic, fn, func(s *subscription) {
		if !transactional {
			s.conn = b.topic(topic).Connect(b.owner, b.start(s))
			return
		}
		o := b.owner.NewChild(topic)
		s.queue = tether.NewQueue(o, tether.Unbounded, tether.Block, tether.Finish())
		s.conn = b.topic(topic).Connect(o, s.call, tether.On(s.queue))
		s.end = func() { o.Cancel(nil) } // what was published is handled
	})
}

// SubscribeOnceAsync is SubscribeOnce on another goroutine.
func (b *Bus) SubscribeOnceAsync(topic string, fn any) error {
	return b.subscribe(topic, fn, func(s *subscription) {
		s.conn = b.topic(topic).Once(b.owner, b.start(s))
	})
}

func (b *Bus) subscribe(topic string, fn any, connect func(*subscription)) error {
	if reflect.ValueOf(fn).Kind() != reflect.Func {
		return fmt.Errorf("eventbus: Subscribe to %q with %T, not a function", topic, fn)
	}
	s := &subscription{callback: reflect.ValueOf(fn)}
	s.end = func() { s.conn.Disconnect() }
	b.mu.Lock()
	defer b.mu.Unlock()
	connect(s)
	b.subs[topic] = append(b.liveLocked(topic), s)
	return nil
}

// liveLocked forgets the subscriptions that have ended by themselves.
func (b *Bus) liveLocked(topic string) []*subscription {
	return slices.DeleteFunc(b.subs[topic], func(s *subscription) bool { return !s.conn.Connected() })
}

// call calls the user's function.
func (s *subscription) call(args []any) {
	in := make([]reflect.Value, len(args))
	for i, arg := range args {
		if in[i] = reflect.ValueOf(arg); arg == nil {
			in[i] = reflect.Zero(s.callback.Type().In(i))
		}
	}
	s.callback.Call(in)
}

// start returns a handler that has the user's function called on a goroutine.
func (b *Bus) start(s *subscription) func([]any) {
	return func(args []any) {
		b.async.Add(1)
		if !b.owner.Go(func(context.Context) { defer b.async.Done(); s.call(args) }) {
			b.async.Done()
		}
	}
}

// Unsubscribe ends the first subscription of fn to topic.
func (b *Bus) Unsubscribe(topic string, fn any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	live := b.liveLocked(topic)
	if len(live) == 0 {
		delete(b.subs, topic)
		return fmt.Errorf("eventbus: Unsubscribe from %q, which nobody subscribes to", topic)
	}
	callback := reflect.ValueOf(fn)
	if i := slices.IndexFunc(live, func(s *subscription) bool {
		return s.callback.Type() == callback.Type() && s.callback.Pointer() == callback.Pointer()
	}); i >= 0 {
		live[i].end()
		live = slices.Delete(live, i, i+1)
	}
	b.subs[topic] = live
	return nil
}

// Publish calls the functions that are subscribed to topic.
func (b *Bus) Publish(topic string, args ...any) {
	_ = b.topic(topic).Publish(context.Background(), args)
}

// HasCallback reports whether anybody subscribes to topic.
func (b *Bus) HasCallback(topic string) bool { return b.topic(topic).Wanted() }

// WaitAsync waits until what was published before is handled.
func (b *Bus) WaitAsync() {
	var queues []*tether.Queue
	b.mu.Lock()
	for _, subs := range b.subs {
		for _, s := range subs {
			if s.queue != nil {
				queues = append(queues, s.queue)
			}
		}
	}
	b.mu.Unlock()
	for _, q := range queues {
		_ = q.Flush(context.Background())
	}
	b.async.Wait()
}
