package tetherotel

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

// Scope is the name of the meter that the instruments belong to.
const Scope = "github.com/seed-ec287111/tether/tetherotel"

// An Option is an option of [Register].
type Option interface{ register(*config) }

type option func(*config)

func (f option) register(c *config) { f(c) }

type config struct {
	groups int
	stuck  time.Duration
	common []attribute.KeyValue
}

const (
	groupLimit   = 255 // what inspect tells apart
	groupDefault = 50
	stuckDefault = 10 * time.Second
)

// Groups says how many names have a group of their own, from 0 to 255. All others are in
// the group [inspect.Other]. The default is 50. Any other n panics.
func Groups(n int) Option {
	if n < 0 || n > groupLimit {
		panic(fmt.Sprintf("tetherotel: Groups with %d, not 0 to %d", n, groupLimit))
	}
	return option(func(c *config) { c.groups = n })
}

// Stuck says how long a handler may run, or a teardown may take, before it counts as stuck.
// The default is ten seconds. With 0 nothing is looked for, and the two instruments are
// always 0. A negative d panics.
func Stuck(d time.Duration) Option {
	if d < 0 {
		panic(fmt.Sprintf("tetherotel: Stuck with %v", d))
	}
	return option(func(c *config) { c.stuck = d })
}

// Attributes adds attributes to all values of a registration, for example to tell several
// roots apart. It panics if an attribute is not valid, or if its key is [NameKey].
func Attributes(common ...attribute.KeyValue) Option {
	for _, a := range common {
		if !a.Valid() || a.Key == NameKey {
			panic(fmt.Sprintf("tetherotel: Attributes with key %q", a.Key))
		}
	}
	common = slices.Clone(common)
	return option(func(c *config) { c.common = append(c.common, common...) })
}

// Register arranges for provider to get, at each collection, what root and all below it
// hold, do and have counted. The package documentation lists the instruments.
//
// The registration belongs to owner, which may be root, an ancestor of it or another owner.
// It ends when owner unwinds, at the turn of a cleanup that was registered with this call.
// So register a cleanup that has to come after it, such as a provider's Shutdown, before
// this call. Destroy of owner waits for a collection that is under way. When it has
// returned, the provider gets nothing more.
//
// Register does not keep root from being found lost. When root has ended, the values are 0,
// and the counters stay until owner ends.
//
// Registrations with one provider add up, as OpenTelemetry has it. Two of the same root
// count everything twice, and so do one of an owner and one of another owner below it.
// [Attributes] tells several apart. The number of lost owners is that of the program, and
// each provider gets it once.
//
// Register returns the cause of owner's end if owner is not alive. If provider does not
// make the instruments, it returns the provider's error. It panics if owner, provider, root
// or an option is nil.
//
// Cost: a walk of the tree below root for each collection, and for [Stuck] four in its
// duration. No lock is held for longer than it takes to look at one owner. Values fired
// cost nothing.
func Register(owner *tether.Owner, provider metric.MeterProvider, root *tether.Owner, opts ...Option) error {
	switch {
	case owner == nil || *owner == tether.Owner{}:
		panic("tetherotel: Register with nil owner")
	case isNil(provider):
		panic("tetherotel: Register with nil MeterProvider")
	case root == nil || *root == tether.Owner{}:
		panic("tetherotel: Register with nil root")
	}
	c := config{groups: groupDefault, stuck: stuckDefault}
	for _, opt := range opts {
		if isNil(opt) {
			panic("tetherotel: Register with nil option")
		}
		opt.register(&c)
	}
	if !owner.Alive() {
		return ended(owner)
	}
	meter := provider.Meter(Scope)
	in, err := newInstruments(meter)
	if err != nil {
		return fmt.Errorf("tetherotel: Register: %w", err)
	}
	r := &registration{
		instruments: in, root: handle(root),
		stuck: func() map[string]inspect.Stuck { return nil }, stop: func() {},
		teller: newTeller(provider),
		groups: groups{limit: c.groups, common: c.common, known: make(map[string]*group)},
	}
	defer func() {
		if r.callback == nil { // the provider has refused, or panicked
			r.stop()
			r.teller.leave()
		}
	}()
	if c.stuck > 0 {
		r.stuck, r.stop = inspect.WatchStuck(root, c.stuck)
	}
	callback, err := meter.RegisterCallback(r.observe, in.all()...)
	if err != nil {
		return fmt.Errorf("tetherotel: Register: %w", err)
	}
	r.callback = callback
	tether.Own(owner, r)
	if !owner.Alive() { // it may have ended since the first look, and then Own has closed r
		return ended(owner)
	}
	return nil
}

// ended is the error of a Register with an owner that is not alive.
func ended(owner *tether.Owner) error {
	return fmt.Errorf("tetherotel: Register: %w", context.Cause(owner.Context()))
}

// handle returns what finds owner again, without what it holds now.
func handle(owner *tether.Owner) inspect.OwnerInfo {
	i := inspect.Of(owner)
	i.Connections, i.Queues, i.Signals, i.Goroutines = nil, nil, nil, nil
	i.Timers, i.Cleanups, i.Interrupts, i.Pending = nil, nil, nil, nil
	return i
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Chan, reflect.Slice, reflect.Interface:
		return r.IsNil()
	}
	return false
}

// A registration is one call of Register.
type registration struct {
	instruments
	root     inspect.OwnerInfo
	stuck    func() map[string]inspect.Stuck
	stop     func() // of stuck
	callback metric.Registration
	teller   *teller

	mu     sync.Mutex // guards the fields below, and is held during a collection
	groups groups
	closed bool
}

// observe is the callback. Several readers of one provider may call it at once.
func (r *registration) observe(_ context.Context, o metric.Observer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.groups.update(r.root.ByName(), r.stuck())
	for _, g := range r.groups.list {
		for i, d := range perGroup {
			o.ObserveInt64(r.perGroup[i], d.value(&g.last), g.attributes)
		}
	}
	if r.teller.tells() {
		o.ObserveInt64(r.lost, int64(inspect.Lost()))
	}
	return nil
}

// Close takes the registration back. It waits for a collection that is under way, also where
// the provider does not.
func (r *registration) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.teller.leave()
	return r.callback.Unregister()
}
