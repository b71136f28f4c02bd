package state

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A crowd is a graph on which several goroutines do what they like. Values come in pairs, which
// are set in one batch and so are always equal: whoever sees them differ has seen two moments.
// When all is at rest, everything must be as the model says.
type crowd struct {
	model
	owner  *tether.Owner
	values []*state.Value[int]
	parts  []*member

	mu     sync.Mutex // guards faults
	faults []string
}

// A member is a computed value of a crowd, with what looks at it.
type member struct {
	owner *tether.Owner
	c     *state.Computed[int]
	ended atomic.Bool // Destroy of its owner has returned

	mu     sync.Mutex // guards the fields below
	told   map[*int]int
	seen   result
	effect bool
	gone   bool // some goroutine ends its owner
}

func (c *crowd) fault(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

func newCrowd(t *rapid.T) *crowd {
	c := &crowd{owner: tether.NewOwner("crowd")}
	pairs := rapid.IntRange(1, 3).Draw(t, "pairs")
	for range 2 * pairs {
		c.model.values = append(c.model.values, 0)
		c.values = append(c.values, state.NewValue(c.owner, 0))
	}
	c.rules, c.last = drawRules(t, len(c.values)), make(map[int]result)
	for i, r := range c.rules {
		p := &member{owner: c.owner.NewChild(fmt.Sprint(i)), told: make(map[*int]int)}
		c.parts = append(c.parts, p)
		k := 2 * (i % pairs)
		p.c = state.NewComputed(p.owner, func(use *state.Use) int {
			if p.ended.Load() {
				c.fault("rule %d runs after the end of its owner", i)
			}
			before := c.values[k].Use(use)
			v := r.compute(i, func(j int) int {
				if j < len(c.values) {
					return c.values[j].Use(use)
				}
				return c.parts[j-len(c.values)].c.Use(use)
			})
			if after := c.values[k+1].Use(use); after != before {
				c.fault("rule %d sees %d and %d of a pair", i, before, after)
			}
			return v
		}, state.Name(fmt.Sprint(i)))
		if rapid.IntRange(0, 2).Draw(t, fmt.Sprint("effect of ", i)) == 2 {
			c.look(i)
		}
		if rapid.IntRange(0, 2).Draw(t, fmt.Sprint("watch ", i)) == 2 {
			c.watch(i)
		}
	}
	return c
}

// look has an effect use rule i.
func (c *crowd) look(i int) {
	p := c.parts[i]
	p.effect = true
	state.NewEffect(c.owner, func(use *state.Use, run *tether.Owner) {
		r := attempt(func() int { return p.c.Use(use) })
		p.mu.Lock()
		defer p.mu.Unlock()
		p.seen = r
	})
}

// watch watches rule i, unless that fails.
func (c *crowd) watch(i int) (conn *tether.Connection) {
	p := c.parts[i]
	at, first := new(int), true
	attempt(func() int {
		conn = p.c.Changes().Connect(c.owner, func(ch state.Change[int]) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if last := p.told[at]; !first && last != ch.Old || ch.Old == ch.New {
				c.fault("rule %d told %v after %d", i, ch, last)
			}
			p.told[at], first = ch.New, false
		})
		return 0
	})
	return conn
}

func (c *crowd) set(k, v int) {
	var b state.Batch
	c.values[k].SetIn(&b, v)
	c.values[k+1].SetIn(&b, v)
	attempt(func() int { b.Commit(); return 0 }) // something that is watched may fail
}

// A deed is what a goroutine does next.
type deed struct{ verb, a, b int }

const (
	setPair = iota
	get
	getAgain // so that reading is as frequent as setting
	passing  // somebody comes, watches and uses a rule, and goes
	watching // somebody watches for a while
	ending   // of a rule's owner
	deeds
)

func deedsOf(values, rules int) *rapid.Generator[[]deed] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deed {
		return deed{
			rapid.IntRange(0, deeds-1).Draw(t, "verb"),
			rapid.IntRange(0, max(values, rules)-1).Draw(t, "of"),
			rapid.IntRange(0, 4).Draw(t, "to"),
		}
	}), 1, 12)
}

func (c *crowd) do(d deed) {
	i := d.a % len(c.parts)
	p := c.parts[i]
	switch d.verb {
	case setPair:
		c.set(d.a%len(c.values)&^1, d.b)
	case get, getAgain:
		attempt(p.c.Get)
	case passing:
		o := tether.NewOwner("passing")
		next := state.NewComputed(o, func(use *state.Use) int { return p.c.Use(use) + 1 })
		attempt(func() int { next.Changes().Connect(o, func(state.Change[int]) {}); return 0 })
		attempt(func() int {
			state.NewEffect(o, func(use *state.Use, run *tether.Owner) { next.Use(use) })
			return 0
		})
		if err := o.Destroy(); err != nil {
			c.fault("passing by rule %d ends with %v", i, err)
		}
	case watching:
		if conn := c.watch(i); conn != nil {
			attempt(p.c.Get)
			conn.Disconnect()
		}
	case ending:
		p.mu.Lock()
		first := !p.gone
		p.gone = true
		p.mu.Unlock()
		if d.b == 0 && first {
			if err := p.owner.Destroy(); err != nil {
				c.fault("the owner of rule %d ends with %v", i, err)
			}
			p.ended.Store(true)
		}
	}
}

// rest is what must be true when nobody does anything any more.
func (c *crowd) rest() {
	for k, v := range c.values {
		c.model.values[k] = v.Get()
		if k%2 == 1 && c.model.values[k] != c.model.values[k-1] {
			c.fault("a pair is %v", c.model.values[k-1:k+1])
		}
	}
	n := len(c.values)
	for i, p := range c.parts {
		got := attempt(p.c.Get)
		if p.ended.Load() {
			c.last[i] = got // what it was at some moment
		}
		want := c.want(n + i)
		if got != want {
			c.fault("rule %d is %v at rest, want %v", i, got, want)
		}
		if p.effect && p.seen != want {
			c.fault("the effect of rule %d has seen %v at last, want %v", i, p.seen, want)
		}
	}
}

func TestTogether_WhenAllIsAtRestTheCrowdIsAsTheModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCrowd(t)
		watched := make(map[int]*tether.Connection)
		told := make(map[int]*state.Change[int])
		for i, p := range c.parts { // those that are watched from the beginning to the end
			if i%2 == 0 {
				last := new(state.Change[int])
				attempt(func() int {
					watched[i] = p.c.Changes().Connect(c.owner, func(ch state.Change[int]) { *last = ch })
					*last = state.Change[int]{New: p.c.Get()}
					told[i] = last
					return 0
				})
			}
		}
		start := make(chan struct{})
		var all sync.WaitGroup
		for g := range rapid.IntRange(2, 4).Draw(t, "goroutines") {
			script := deedsOf(len(c.values), len(c.parts)).Draw(t, fmt.Sprint("script of ", g))
			all.Go(func() {
				<-start
				for _, d := range script {
					c.do(d)
				}
			})
		}
		close(start)
		all.Wait()
		c.rest()
		for i, last := range told {
			want := c.want(len(c.values) + i)
			if watched[i].Connected() && want.failed == "" && last.New != want.v {
				c.fault("rule %d is %v at rest, but told was %v", i, want, *last)
			}
		}
		if err := c.owner.Destroy(); err != nil {
			c.fault("the end is %v", err)
		}
		for _, f := range c.faults {
			t.Error(f)
		}
	})
}
