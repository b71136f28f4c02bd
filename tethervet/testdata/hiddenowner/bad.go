// Package hiddenowner has constructors that hide an owner which nobody ends, and in
// good.go others that do not.
package hiddenowner

import (
	"context"
	"errors"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

type Cache struct {
	owner  *tether.Owner
	filled tether.Signal[string]
	size   *state.Value[int]
}

func NewCache() *Cache {
	return &Cache{owner: tether.NewOwner("cache")} // want `NewCache makes an owner that only its result's field owner holds, and nothing ends it: take an owner as the first argument`
}

func NewSizedCache(size int) *Cache {
	c := &Cache{}
	c.owner = tether.NewOwner("cache") // want `NewSizedCache makes an owner`
	c.size = state.NewValue(c.owner, size)
	return c
}

func NewNamedCache(name string) *Cache {
	owner := tether.NewOwner(name) // want `NewNamedCache makes an owner`
	c := &Cache{owner: owner, size: state.NewValue(owner, 0)}
	c.filled.Connect(owner, func(string) {})
	return c
}

func OpenCache(path string) (*Cache, error) {
	if path == "" {
		return nil, errors.New("no path")
	}
	return &Cache{owner: tether.NewOwner(path)}, nil // want `OpenCache makes an owner`
}

func MakeCache() Cache {
	return Cache{owner: tether.NewOwner("cache")} // want `MakeCache makes an owner`
}

func (c *Cache) Len() int { return c.owner.Stats().Connections }

func (c *Cache) Watch(f func(string)) { c.filled.Connect(c.owner, f) }

type Poller struct{ o *tether.Owner }

func NewPoller(names []string) *Poller {
	p := &Poller{o: tether.NewOwner("poller")} // want `NewPoller makes an owner`
	p.o.Go(func(ctx context.Context) { <-ctx.Done() })
	return p
}

func NewPollerOf(src *tether.Signal[string]) *Poller {
	p := &Poller{o: tether.NewOwner("poller")} // want `NewPollerOf makes an owner`
	src.Connect(p.o, func(string) {})
	return p
}

func NewPollerOn(q *tether.Queue, n int) *Poller {
	return &Poller{o: tether.NewOwner("poller")} // want `NewPollerOn makes an owner`
}

func NewPollerWithHandler() *Poller {
	return &Poller{o: tether.NewOwner("poller", tether.WithPanicHandler(func(*tether.PanicError) {}))} // want `NewPollerWithHandler makes`
}

func NewPollerInTheBackground() *Poller {
	return &Poller{o: tether.NewOwner("poller", tether.WithContext(context.Background()))} // want `NewPollerInTheBackground makes`
}

func NewByHelper() *Poller {
	return &Poller{o: root()} // want `NewByHelper makes an owner`
}

func root() *tether.Owner { return tether.NewOwner("root") }

type Set[T any] struct {
	owner *tether.Owner
	added *tether.Signal[T]
}

func NewSet[T any]() *Set[T] {
	s := &Set[T]{owner: tether.NewOwner("set")} // want `NewSet makes an owner`
	s.added = tether.NewSignal[T](s.owner)
	return s
}

func (s *Set[T]) Added() tether.Source[T] { return s.added }

type Pair struct{ a, b *tether.Owner }

func NewPair() *Pair {
	return &Pair{
		a: tether.NewOwner("a"), // want `NewPair makes an owner that only its result's field a`
		b: tether.NewOwner("b"), // want `NewPair makes an owner that only its result's field b`
	}
}

func (p *Pair) End() { p.a.Defer(func() { p.b.Name() }) }

type Table struct {
	owner *tether.Owner
	rows  map[string]int
}

func NewTable(rows map[string]int) *Table {
	t := &Table{rows: rows}
	t.owner = tether.NewOwner("table") // want `NewTable makes an owner`
	return t
}

func (t *Table) Alive() bool { return t.owner != nil && t.owner.Alive() }
