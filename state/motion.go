package state

import (
	"fmt"
	"math"
	"reflect"
	"runtime"
	"sync"
	"time"
	"unsafe"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Floats are what a [SpringOf] and a [TweenOf] move: a number, or two or three numbers that
// move as one.
type Floats interface {
	~float64 | ~[2]float64 | ~[3]float64
}

// numbers returns the coordinates of v.
func numbers[V Floats](v *V) []float64 {
	return unsafe.Slice((*float64)(unsafe.Pointer(v)), unsafe.Sizeof(*v)/unsafe.Sizeof(float64(0)))
}

// checkFinite panics if a coordinate of v is not a finite number.
func checkFinite[V Floats](verb string, v V) {
	for _, x := range numbers(&v) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			panic(fmt.Sprintf("state: %s with %v", verb, v))
		}
	}
}

// finite returns x, or the largest number of its sign if x has grown beyond that.
func finite(x float64) float64 { return max(-math.MaxFloat64, min(math.MaxFloat64, x)) }

// A mover is a spring or tween as its group sees it. The movers of one source move together:
// the first of their handlers that a tick calls moves them all, and their positions change in
// one moment. The handlers of the others then have nothing to do.
type mover struct {
	advance  func(d time.Duration) step
	position *source
	same     func(old, now rep) bool
	scope    *scope.Scope
	group    *group

	// Guarded by group.mu. Ticks may come inside others, or at once. So it may be ahead by more
	// than one, and which of them its own handler is called for can't be seen. But in the end
	// it has moved for as long as the ticks that it was called for.
	ahead int           // by how many ticks others' handlers have moved it for which its own is still to be called
	early time.Duration // for how much longer it has moved than it was called for
	at    int           // its index in group.awake, while it is there

	shown uint64 // number of the last step that was shown; guarded by books
}

// A step is for how long a mover is to move, and then where it has come to.
type step struct {
	by   time.Duration
	n    uint64 // counts the steps of a mover; 0: it has not moved
	now  rep
	conn *tether.Connection // to be ended, because the mover has come to rest; else nil
	over func()             // to be called when the change was delivered; may be nil
}

// A group has the movers of one source.
type group struct {
	src tether.Source[tether.Tick]

	mu    sync.Mutex // guards awake, and fields of the movers; comes after a Spring's or Tween's mu
	awake []*mover
}

// groups has the group of each source, by the source's address, as long as a mover refers to
// the group. A group refers to its source, so no other source has that address meanwhile.
var groups struct {
	mu sync.Mutex
	of map[uintptr]weak.Pointer[group]
}

// groupOf returns the group of src. If src is not a pointer, that is a new group.
func groupOf(src tether.Source[tether.Tick]) *group {
	v := reflect.ValueOf(src)
	if v.Kind() != reflect.Pointer {
		return &group{src: src}
	}
	key := v.Pointer()
	groups.mu.Lock()
	defer groups.mu.Unlock()
	if g := groups.of[key].Value(); g != nil && g.src == src {
		return g
	}
	g := &group{src: src}
	if groups.of == nil {
		groups.of = make(map[uintptr]weak.Pointer[group])
	}
	groups.of[key] = weak.Make(g)
	runtime.AddCleanup(g, forgetGroup, key)
	return g
}

func forgetGroup(key uintptr) {
	groups.mu.Lock()
	defer groups.mu.Unlock()
	if groups.of[key].Value() == nil {
		delete(groups.of, key)
	}
}

// join adds m to the movers of its group that are awake, if it is not there.
func (m *mover) join() {
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	m.leaveLocked()
	m.ahead, m.early, m.at = 0, 0, len(g.awake)
	g.awake = append(g.awake, m)
}

// connected arranges for m to leave its group if c, the connection that moves m, ends with
// m's owner. Nothing else may notice that m has ended.
func (m *mover) connected(c *tether.Connection) {
	handle.OnEnd(c, func() {
		if !m.scope.Alive() {
			m.leave()
		}
	})
}

// leave removes m from the movers that are awake.
func (m *mover) leave() {
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	m.leaveLocked()
}

func (m *mover) leaveLocked() {
	g := m.group
	if m.at < len(g.awake) && g.awake[m.at] == m {
		last := g.awake[len(g.awake)-1]
		g.awake[m.at], last.at = last, m.at
		g.awake[len(g.awake)-1] = nil
		g.awake = g.awake[:len(g.awake)-1]
	}
}

// farAhead is by how many ticks a mover may be ahead. It is more than one only if ticks come
// inside others or at once. A source that calls some of its handlers less often than others
// could have it grow.
const farAhead = 4 // arbitrary

// tick is the handler of m. It moves all of the group, unless another handler has moved m.
func (m *mover) tick(t tether.Tick) {
	d := max(0, t.Delta)
	g := m.group
	g.mu.Lock()
	m.early -= d
	if m.ahead > 0 {
		m.ahead--
		g.mu.Unlock()
		return
	}
	n := 1 + len(g.awake)
	all, steps := append(make([]*mover, 0, n), m), append(make([]step, 0, n), step{by: m.owedLocked(0)})
	for i := len(g.awake) - 1; i >= 0; i-- {
		if other := g.awake[i]; !other.scope.Alive() { // cut off while it was awake, perhaps ahead
			other.leaveLocked() // the last of awake takes its place; it was looked at already
		}
	}
	for _, other := range g.awake {
		if other != m && other.ahead < farAhead {
			all, steps = append(all, other), append(steps, step{by: other.owedLocked(d)})
			other.ahead++
		}
	}
	g.mu.Unlock()

	defer func() { show(all, steps) }()
	i := -1
	finally.Each(func() bool { // an easing may panic
		if i++; i == len(all) {
			return false
		}
		steps[i] = all[i].advance(steps[i].by)
		if !all[i].scope.Alive() {
			all[i].leave()
		}
		return true
	})
}

// owedLocked returns for how long m is to move by a tick of d that it was not called for yet. That
// is d, unless what it was called for before was longer or shorter than what it has moved by.
func (m *mover) owedLocked(d time.Duration) time.Duration {
	if m.ahead == 0 {
		d = max(0, d-m.early)
	}
	m.early += d
	return d
}

// show changes the positions of all in one moment, and settles.
func show(all []*mover, steps []step) {
	books.mu.Lock()
	p := take()
	for i, m := range all {
		m.put(p, steps[i])
	}
	books.mu.Unlock()
	for _, s := range steps {
		if s.conn != nil {
			s.conn.Disconnect()
		}
	}
	defer func() {
		for _, s := range steps {
			if s.over != nil {
				s.over()
			}
		}
	}()
	p.settle()
}

// put sets the position to that of s, unless a later step was shown. books is held.
func (m *mover) put(p *pass, s step) {
	if s.n <= m.shown || !m.scope.Alive() {
		return
	}
	m.shown = s.n
	if old := m.position.load(); !m.same(old, s.now) {
		p.apply(m.position, old, s.now)
	}
}

// begin makes m the mover of a position that belongs to owner and moves with src.
func (m *mover) begin(verb string, owner *tether.Owner, src tether.Source[tether.Tick]) {
	m.scope = handle.Scope("state: "+verb, owner)
	if check.Nil(src) {
		panic("state: " + verb + " with nil Source")
	}
	m.group = groupOf(src)
}

// within calls f, a function of the user, as a handler of owner. It reports whether owner was
// alive and f has returned.
func within(owner *scope.Scope, f func()) (ok bool) {
	var at announced
	if !at.change(owner) || !owner.Alive() {
		at.leave()
		return false
	}
	defer at.leave()
	defer func() {
		if !ok && owner.Supervised() {
			if v := recover(); v != nil {
				owner.Report(v, nil)
			}
		}
	}()
	goroutine.Callback(f)
	return true
}

// newPosition returns the position of m. The position is set with locks held, so it must not
// have an Equal of the user.
func newPosition[V Floats](m *mover, verb string, owner *tether.Owner, v V, opts []Option) *Value[V] {
	if configure(verb, opts).equal != nil {
		panic("state: " + verb + " with Equal")
	}
	x := NewValue(owner, v, opts...)
	m.position, m.same = &x.source, x.same
	return x
}
