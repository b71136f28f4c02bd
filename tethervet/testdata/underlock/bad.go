// Package underlock waits with a mutex held for what takes it, and in good.go does
// not.
package underlock

import (
	"context"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
)

type store struct {
	owner   *tether.Owner
	queue   *tether.Queue
	changed tether.Signal[string]
	mu      sync.Mutex
	keys    []string
	closed  bool
}

func (s *store) start() {
	s.changed.Connect(s.owner, func(key string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keys = append(s.keys, key)
	})
}

func (s *store) close() {
	s.mu.Lock()
	s.closed = true
	s.owner.Destroy() // want `Destroy waits for a handler that locks s.mu \(line 23\), which is held here`
	s.mu.Unlock()
}

func (s *store) closeDeferred() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owner.Destroy() // want `Destroy waits for a handler that locks s.mu`
}

func (s *store) closeWithin(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	err := s.owner.DestroyContext(ctx) // want `DestroyContext waits for a handler that locks s.mu`
	return err
}

func (s *store) closeOnce() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.owner.Destroy() // want `Destroy waits for a handler`
	s.mu.Unlock()
}

func (s *store) closeByAnother() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end() // want `end waits for a handler that locks s.mu`
}

func (s *store) end() { s.owner.Destroy() }

func shutdown(o *tether.Owner) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return o.DestroyContext(ctx)
}

func (s *store) closeByAFunction() {
	s.mu.Lock()
	defer s.mu.Unlock()
	shutdown(s.owner) // want `shutdown waits for a handler that locks s.mu`
}

func variables(app *tether.Owner, said *tether.Signal[int]) {
	var mu sync.Mutex
	o := app.NewChild("o")
	said.Connect(o, func(int) {
		mu.Lock()
		mu.Unlock()
	})
	mu.Lock()
	defer mu.Unlock()
	o.Destroy() // want `Destroy waits for a handler that locks mu`
}

func parents(app *tether.Owner, said *tether.Signal[int]) {
	var mu sync.Mutex
	o := app.NewChild("o").NewChild("p")
	said.Connect(o, func(int) {
		mu.Lock()
		mu.Unlock()
	})
	mu.Lock()
	app.Destroy() // want `Destroy waits for a handler that locks mu`
	mu.Unlock()
}

func goroutines(o *tether.Owner) {
	var mu sync.Mutex
	o.Go(func(context.Context) {
		mu.Lock()
		defer mu.Unlock()
	})
	mu.Lock()
	o.Destroy() // want `Destroy waits for an owned goroutine that locks mu`
	mu.Unlock()
}

func cleanups(o *tether.Owner) {
	var mu sync.Mutex
	o.Defer(func() {
		mu.Lock()
		defer mu.Unlock()
	})
	mu.Lock()
	defer mu.Unlock()
	o.Destroy() // want `Destroy waits for a cleanup that locks mu`
}

func readers(o *tether.Owner, said *tether.Signal[int]) {
	var mu sync.RWMutex
	said.Connect(o, func(int) {
		mu.Lock()
		defer mu.Unlock()
	})
	mu.RLock()
	defer mu.RUnlock()
	o.Destroy() // want `Destroy waits for a handler that locks mu`
}

func oneCallAway(o *tether.Owner, s *store) {
	s.changed.Connect(o, func(key string) { s.add(key) })
	s.mu.Lock()
	o.Destroy() // want `Destroy waits for a handler that locks s.mu`
	s.mu.Unlock()
}

func (s *store) add(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, key)
}

func (s *store) methodValue() { s.changed.Connect(s.owner, s.add) }

func newStore(owner *tether.Owner) *store {
	s := new(store)
	s.changed.Connect(owner, func(string) {
		s.mu.Lock()
		defer s.mu.Unlock()
	})
	return s
}

func madeElsewhere() {
	app := tether.NewOwner("app")
	s := newStore(app.NewChild("store"))
	s.mu.Lock()
	defer s.mu.Unlock()
	app.Destroy() // want `Destroy waits for a handler that locks s.mu`
}

type table struct {
	mu sync.Mutex
	m  map[string]int
}

func (t *table) add(owner *tether.Owner, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.m[name] = 1
	owner.Defer(func() { // want `Defer runs its function on the caller where owner has ended, and that locks t.mu`
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.m, name)
	})
}

func (t *table) addBy(owner *tether.Owner, name string) {
	t.mu.Lock()
	owner.Defer(func() { t.remove(name) }) // want `Defer runs its function on the caller`
	t.mu.Unlock()
}

func (t *table) interrupt(owner *tether.Owner) {
	t.mu.Lock()
	owner.Interrupt(func() { t.remove("all") }) // want `Interrupt runs its function on the caller`
	t.mu.Unlock()
}

func (t *table) remove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.m, name)
}

func (t *table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.m = nil
	return nil
}

func (t *table) own(owner *tether.Owner) {
	t.mu.Lock()
	tether.Own(owner, t)         // want `Own closes t on the caller where owner has ended, and that locks t.mu`
	tether.OwnBlocking(owner, t) // want `OwnBlocking closes t`
	t.mu.Unlock()
}

func (s *store) queued() {
	s.changed.Connect(s.owner, s.add, tether.On(s.queue))
}

func (s *store) flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.Flush(ctx) // want `Flush waits for a handler that locks s.mu`
}

func (s *store) drain() {
	s.mu.Lock()
	s.queue.Drain() // want `Drain waits for a handler that locks s.mu`
	s.mu.Unlock()
}

func (s *store) wait(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return tether.Wait(ctx, &s.changed) // want `Wait waits for a Fire, a handler of which locks s.mu`
}

func guard(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
}

func byAParameter(o *tether.Owner, said *tether.Signal[int], mu *sync.Mutex) {
	said.Connect(o, func(int) { guard(mu) })
	mu.Lock()
	defer mu.Unlock()
	o.Destroy() // want `Destroy waits for a handler that locks mu`
}
