package underlock

import (
	"context"
	"sync"

	"github.com/seed-ec287111/tether"
)

func (s *store) cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owner.Cancel(nil)
}

func (s *store) closeAfterwards() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.owner.Destroy()
}

func (s *store) closeAfterABranch() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
	} else {
		s.mu.Unlock()
	}
	s.owner.Destroy()
}

func (s *store) onAGoroutine() {
	s.mu.Lock()
	defer s.mu.Unlock()
	go s.owner.Destroy()
	go func() { s.owner.Destroy() }()
}

func (s *store) deferredAfterTheUnlock() {
	s.mu.Lock()
	defer s.owner.Destroy()
	s.mu.Unlock()
}

func otherLock(o *tether.Owner, said *tether.Signal[int]) {
	var mu, other sync.Mutex
	said.Connect(o, func(int) {
		other.Lock()
		defer other.Unlock()
	})
	mu.Lock()
	defer mu.Unlock()
	o.Destroy()
}

func otherOwner(o, p *tether.Owner, said *tether.Signal[int]) {
	var mu sync.Mutex
	said.Connect(o, func(int) {
		mu.Lock()
		defer mu.Unlock()
	})
	mu.Lock()
	defer mu.Unlock()
	p.Destroy()
}

func aChildWithout(o *tether.Owner, said *tether.Signal[int]) {
	var mu sync.Mutex
	said.Connect(o, func(int) {
		mu.Lock()
		defer mu.Unlock()
	})
	child := o.NewChild("child")
	mu.Lock()
	defer mu.Unlock()
	child.Destroy()
}

func bothRead(o *tether.Owner, said *tether.Signal[int]) {
	var mu sync.RWMutex
	said.Connect(o, func(int) {
		mu.RLock()
		defer mu.RUnlock()
	})
	mu.RLock()
	defer mu.RUnlock()
	o.Destroy()
}

// The aura has a lock of the character's, but nothing of it takes it.
type character struct {
	mu          sync.Mutex
	owner, aura *tether.Owner
	hit         tether.Signal[int]
	health      int
}

func (c *character) start() {
	c.hit.Connect(c.owner, func(n int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.health -= n
	})
}

func (c *character) setAura(glow func(int)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aura.Destroy()
	c.hit.Connect(c.aura, glow)
}

func ofAnother(c, d *character) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.owner.Destroy()
}

func insideAHandler(c *character) {
	c.hit.Connect(c.owner, func(int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.owner.Destroy() // waits for nobody here
	})
}

func (c *character) calledByAHandler() {
	c.hit.Connect(c.owner, func(int) { c.die() })
}

func (c *character) die() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner.Destroy()
}

func (t *table) addLater(owner *tether.Owner, name string) {
	t.mu.Lock()
	t.m[name] = 1
	t.mu.Unlock()
	owner.Defer(func() { t.remove(name) })
}

func (t *table) addNew(name string) *tether.Owner {
	t.mu.Lock()
	defer t.mu.Unlock()
	owner := tether.NewOwner(name) // can't have ended
	owner.Defer(func() { t.remove(name) })
	return owner
}

func (t *table) defersOther(owner *tether.Owner) {
	t.mu.Lock()
	defer t.mu.Unlock()
	owner.Defer(func() { println("bye") })
}

func (t *table) defersOnAGoroutine(owner *tether.Owner, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	owner.Defer(func() { go t.remove(name) })
}

type quiet struct{}

func (quiet) Close() error { return nil }

func (t *table) owns(owner *tether.Owner) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tether.Own(owner, quiet{})
}

func (s *store) connects() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Connect(s.owner, s.add).Disconnect()
}

func flushesAnother(ctx context.Context, s *store, q *tether.Queue) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return q.Flush(ctx)
}

func waitsForAnother(ctx context.Context, s *store, src tether.Source[string]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tether.Wait(ctx, src)
}

func ignored(o *tether.Owner) {
	var mu sync.Mutex
	o.Defer(func() {
		mu.Lock()
		defer mu.Unlock()
	})
	mu.Lock()
	defer mu.Unlock()
	o.Destroy() //tethervet:ignore underlock to show that it hangs
}

func both() (context.Context, *tether.Signal[string]) { return nil, nil }

func pair() (*tether.Owner, quiet) { return nil, quiet{} }

func severalValues(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	_, _ = tether.Wait[string](both())
	tether.Own(pair())
	(*tether.Owner).Defer(nil, func() { mu.Lock() })
}
