package load

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-ec287111/tether"
)

// A litmus is one race, run again and again as in jcstress: setup makes fresh
// objects, the parts run at once, each on its goroutine, and check names the
// outcome, or what is forbidden about it.
type litmus struct {
	setup func()
	parts []func()
	check func() (outcome string, forbidden bool)
}

// A report is how often each outcome was seen.
type report struct {
	rounds    int
	time      time.Duration
	outcomes  map[string]int
	forbidden map[string]int
}

func (r report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rounds, %.0f k/s;", r.rounds, float64(r.rounds)/r.time.Seconds()/1000)
	names := make([]string, 0, len(r.outcomes))
	for name := range r.outcomes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&b, " %s: %d", name, r.outcomes[name])
	}
	return b.String()
}

// run plays l until the rounds are over or, if stopEarly, something forbidden
// was seen. The goroutines are reused and meet at a barrier where they spin, so
// that the parts start within nanoseconds of each other; then each waits for a
// random moment, so that every overlap has its turn.
func (l litmus) run(rounds int, stopEarly bool) report {
	var start, done struct {
		_ [64]byte
		n atomic.Int64
		_ [64]byte
	}
	var stop atomic.Bool
	await := func(n *atomic.Int64, want int64) bool {
		for i := 0; n.Load() < want; i++ {
			if stop.Load() {
				return false
			}
			if i%64 == 63 {
				runtime.Gosched() // there may be fewer processors than parts
			}
		}
		return true
	}
	var wg sync.WaitGroup
	for _, part := range l.parts[1:] {
		wg.Go(func() {
			for i := int64(1); await(&start.n, i); i++ {
				skew()
				part()
				done.n.Add(1)
			}
		})
	}
	r := report{outcomes: map[string]int{}, forbidden: map[string]int{}}
	begin := time.Now()
	others := int64(len(l.parts) - 1)
	for i := int64(1); i <= int64(rounds); i++ {
		l.setup()
		start.n.Store(i)
		skew()
		l.parts[0]()
		await(&done.n, i*others)
		r.rounds++
		outcome, forbidden := l.check()
		if forbidden {
			r.forbidden[outcome]++
			if stopEarly {
				break
			}
		}
		r.outcomes[outcome]++
	}
	r.time = time.Since(begin)
	stop.Store(true)
	wg.Wait()
	return r
}

var sink atomic.Uint32

func skew() { spin(int(rand.Uint32() % 256)) }

func spin(n int) {
	for i := range n {
		if i < 0 {
			sink.Add(1)
		}
	}
}

// verbs are what the litmus tests do to the library, so that bugs can be planted.
type verbs struct {
	destroy    func(*tether.Owner)
	connect    func(s *tether.Signal[int], o *tether.Owner, h func(int)) *tether.Connection
	once       func(s *tether.Signal[int], o *tether.Owner, h func(int))
	disconnect func(c *tether.Connection, gone *atomic.Bool)
	keep       func(o *tether.Owner, f func()) (stop func() bool)
}

func library() verbs {
	return verbs{
		destroy: func(o *tether.Owner) {
			if err := o.Destroy(); err != nil {
				panic(err)
			}
		},
		connect: func(s *tether.Signal[int], o *tether.Owner, h func(int)) *tether.Connection {
			return s.Connect(o, h)
		},
		once:       func(s *tether.Signal[int], o *tether.Owner, h func(int)) { s.Once(o, h) },
		disconnect: func(c *tether.Connection, gone *atomic.Bool) { c.Disconnect(); gone.Store(true) },
		keep:       func(o *tether.Owner, f func()) func() bool { return o.Defer(f) },
	}
}

// fireDestroy: no call once Destroy has returned, no cleanup while one runs.
func fireDestroy(v verbs, app *tether.Owner) litmus {
	type state struct {
		o              *tether.Owner
		s              tether.Signal[int]
		calls          int // the firer's
		after, unwound atomic.Bool
		late           atomic.Int32
	}
	var x *state
	return litmus{
		setup: func() {
			y := &state{o: app.NewChild("o")}
			look := func() {
				if y.after.Load() || y.unwound.Load() {
					y.late.Add(1)
				}
			}
			y.s.Connect(y.o, func(int) {
				look()
				y.calls++
				spin(50)
				look()
			})
			y.o.Defer(func() { y.unwound.Store(true) })
			x = y
		},
		parts: []func(){
			func() { x.s.Fire(1) },
			func() { v.destroy(x.o); x.after.Store(true) },
		},
		check: func() (string, bool) {
			<-x.o.Ended()
			if x.late.Load() > 0 {
				return "call after Destroy", true
			}
			if !x.unwound.Load() || x.s.Len() != 0 {
				return "not torn down", true
			}
			return fmt.Sprintf("called %d", x.calls), x.calls > 1
		},
	}
}

// connectDestroy: whoever wins, nothing stays connected.
func connectDestroy(v verbs, app *tether.Owner) litmus {
	var (
		o     *tether.Owner
		s     *tether.Signal[int]
		c     *tether.Connection
		alive bool
		calls int
	)
	return litmus{
		setup: func() { o, s, calls = app.NewChild("o"), new(tether.Signal[int]), 0 },
		parts: []func(){
			func() { c = v.connect(s, o, func(int) { calls++ }); alive = c.Connected() },
			func() { v.destroy(o) },
		},
		check: func() (string, bool) {
			<-o.Ended()
			s.Fire(1)
			if c.Connected() || s.Len() != 0 || calls != 0 {
				c.Disconnect()
				return "connected to a dead owner", true
			}
			if alive {
				return "cut off", false
			}
			return "born dead or cut off at once", false
		},
	}
}

// onceFireFire: exactly one call, however it is timed.
func onceFireFire(v verbs, app *tether.Owner) litmus {
	var (
		s     *tether.Signal[int]
		calls *atomic.Int32
		owner = app.NewChild("o")
	)
	return litmus{
		setup: func() { s, calls = new(tether.Signal[int]), new(atomic.Int32) },
		parts: []func(){
			func() { v.once(s, owner, func(int) { calls.Add(1) }); s.Fire(1) },
			func() { s.Fire(2) },
			func() { s.Fire(3) },
		},
		check: func() (string, bool) {
			n := calls.Load()
			s.Fire(4)
			if calls.Load() != 1 || n != 1 {
				return fmt.Sprintf("called %d, then %d", n, calls.Load()), true
			}
			return "called 1", s.Len() != 0 || owner.Stats().Connections != 0
		},
	}
}

// disconnectFireReplace: while others connect and leave, so that the block is
// replaced, a Fire that begins after Disconnect does not call the handler, and
// every Fire calls each of the others exactly once.
func disconnectFireReplace(v verbs, app *tether.Owner) litmus {
	const stay = 6
	type state struct {
		s    tether.Signal[int]
		c    *tether.Connection
		gone atomic.Bool
		late bool
		n    int
		seen [stay]int
		out  []*tether.Connection
	}
	var x *state
	owner := app.NewChild("o")
	var old *tether.Owner
	return litmus{
		setup: func() {
			if old != nil {
				_ = old.Destroy()
			}
			old = owner.NewChild("round")
			y := new(state)
			for i := range stay {
				y.s.Connect(old, func(int) { y.seen[i]++ })
				y.out = append(y.out, y.s.Connect(old, func(int) {}))
			}
			y.c = y.s.Connect(old, func(gone int) { y.n++; y.late = y.late || gone == 1 })
			x = y
		},
		parts: []func(){
			func() {
				for range 2 {
					v := 0
					if x.gone.Load() {
						v = 1
					}
					x.s.Fire(v)
				}
			},
			func() { v.disconnect(x.c, &x.gone) },
			func() {
				for _, c := range x.out {
					c.Disconnect()
					x.s.Connect(old, func(int) {})
				}
			},
		},
		check: func() (string, bool) {
			if x.late {
				return "called after Disconnect", true
			}
			for _, n := range x.seen {
				if n != 2 {
					return fmt.Sprintf("a bystander called %d times by 2 fires", n), true
				}
			}
			x.s.Fire(1)
			if x.late || x.s.Len() != 2*stay {
				return "not disconnected", true
			}
			return fmt.Sprintf("called %d", x.n), false
		},
	}
}

// queueDestroy: what is fired before Destroy is handled or counted as dropped,
// in order, nothing twice, nothing after Destroy. Policies and whose owner ends
// change from round to round.
func queueDestroy(v verbs, app *tether.Owner) litmus {
	const fires = 4
	type state struct {
		of, o, q *tether.Owner
		s        tether.Signal[int]
		queue    *tether.Queue
		returned atomic.Int32
		before   int32
		after    atomic.Bool
		last     int // handlers', one at a time
		handled  int32
		wrong    atomic.Int32
	}
	var x *state
	round := 0
	return litmus{
		setup: func() {
			round++
			y := &state{o: app.NewChild("o"), q: app.NewChild("q")}
			y.of = y.o
			if round/8%2 == 0 {
				y.of = y.q
			}
			var opts []tether.QueueOption
			if round%4 == 3 {
				opts = append(opts, tether.Manual())
			}
			y.queue = tether.NewQueue(y.q, 1, tether.Overflow(round%3), opts...)
			y.s.Connect(y.o, func(n int) {
				if n <= y.last || y.after.Load() {
					y.wrong.Add(1)
				}
				y.last = n
				y.handled++
				spin(50)
				if y.after.Load() {
					y.wrong.Add(1)
				}
			}, tether.On(y.queue))
			x = y
		},
		parts: []func(){
			func() {
				for i := 1; i <= fires; i++ {
					x.s.Fire(i)
					x.returned.Add(1)
				}
			},
			func() {
				if round%4 == 3 {
					x.queue.Drain()
				}
				x.before = x.returned.Load()
				v.destroy(x.of)
				x.after.Store(true)
			},
		},
		check: func() (string, bool) {
			<-x.of.Ended()
			_ = x.o.Destroy()
			_ = x.q.Destroy()
			if x.wrong.Load() > 0 {
				return "handled after Destroy, twice or out of order", true
			}
			n := x.handled + int32(x.queue.Dropped())
			if n < x.before || n > fires {
				return fmt.Sprintf("%d handled or dropped of %d to %d", n, x.before, fires), true
			}
			return fmt.Sprintf("handled %d", x.handled), false
		},
	}
}

// treeDestroy: two Destroys of one tree and a Fire.
func treeDestroy(v verbs, app *tether.Owner) litmus {
	type state struct {
		p, c              *tether.Owner
		s                 tether.Signal[int]
		pGone, cGone      atomic.Bool
		late              atomic.Int32
		calls             int
		pUnwound, cUnwond atomic.Int32
	}
	var x *state
	return litmus{
		setup: func() {
			y := &state{p: app.NewChild("p")}
			y.p.Defer(func() {
				if y.cUnwond.Load() != 1 {
					y.late.Add(1)
				}
				y.pUnwound.Add(1)
			})
			y.c = y.p.NewChild("c")
			y.c.Defer(func() { y.cUnwond.Add(1) })
			handler := func(gone ...*atomic.Bool) func(int) {
				return func(int) {
					y.calls++
					spin(30)
					for _, g := range gone {
						if g.Load() {
							y.late.Add(1)
						}
					}
				}
			}
			y.s.Connect(y.p, handler(&y.pGone))
			y.s.Connect(y.c, handler(&y.pGone, &y.cGone))
			x = y
		},
		parts: []func(){
			func() { x.s.Fire(1) },
			func() { v.destroy(x.c); x.cGone.Store(true) },
			func() { v.destroy(x.p); x.pGone.Store(true) },
		},
		check: func() (string, bool) {
			<-x.p.Ended()
			<-x.c.Ended()
			if x.late.Load() > 0 || x.pUnwound.Load() != 1 || x.cUnwond.Load() != 1 {
				return "a call or cleanup out of turn", true
			}
			return fmt.Sprintf("called %d", x.calls), false
		},
	}
}

// cancelDefer: a cleanup given to a dying owner runs once, unless it is taken
// back, and then never.
func cancelDefer(v verbs, app *tether.Owner) litmus {
	type state struct {
		o       *tether.Owner
		ran     atomic.Int32
		stopped bool
	}
	var x *state
	round := 0
	return litmus{
		setup: func() { round++; x = &state{o: app.NewChild("o")} },
		parts: []func(){
			func() {
				y := x
				stop := v.keep(y.o, func() { y.ran.Add(1) })
				if round%2 == 0 {
					y.stopped = stop()
				}
			},
			func() { x.o.Cancel(nil) },
		},
		check: func() (string, bool) {
			<-x.o.Ended()
			ran := x.ran.Load()
			return fmt.Sprintf("stopped %v, ran %d", x.stopped, ran), x.stopped != (ran == 0) || ran > 1
		},
	}
}

var litmuses = []struct {
	name string
	make func(verbs, *tether.Owner) litmus
	bug  func(*verbs) // that it must find
}{
	{"fire, destroy", fireDestroy, doesNotWait},
	{"connect, destroy", connectDestroy, func(v *verbs) {
		v.connect = func(s *tether.Signal[int], o *tether.Owner, h func(int)) *tether.Connection {
			c := s.Connect(o.Parent(), h)
			if o.Alive() { // looks, then acts
				o.Defer(func() { c.Disconnect() })
			}
			return c
		}
	}},
	{"once and fire, fire, fire", onceFireFire, func(v *verbs) {
		v.once = func(s *tether.Signal[int], o *tether.Owner, h func(int)) {
			s.ConnectSelf(o, func(c *tether.Connection, v int) {
				if c.Connected() { // looks, then acts
					c.Disconnect()
					h(v)
				}
			})
		}
	}},
	{"disconnect, fire, replace", disconnectFireReplace, func(v *verbs) {
		v.disconnect = func(c *tether.Connection, gone *atomic.Bool) { gone.Store(true); c.Disconnect() }
	}},
	{"push, destroy", queueDestroy, doesNotWait},
	{"fire, child destroy, parent destroy", treeDestroy, doesNotWait},
	{"defer, cancel", cancelDefer, func(v *verbs) {
		v.keep = func(o *tether.Owner, f func()) func() bool {
			if o.Alive() { // looks, then acts
				f()
			}
			return func() bool { return false }
		}
	}},
}

func doesNotWait(v *verbs) { v.destroy = func(o *tether.Owner) { o.Cancel(nil) } }

func litmusRounds() int {
	n := *roundsFor
	if raceEnabled || testing.Short() {
		n /= 10
	}
	return n
}

func TestForbiddenOutcomesDoNotOccur(t *testing.T) {
	for _, l := range litmuses {
		t.Run(l.name, func(t *testing.T) {
			app := tether.NewOwner("app")
			r := l.make(library(), app).run(litmusRounds(), false)
			t.Log(r)
			if len(r.forbidden) > 0 {
				t.Errorf("got forbidden outcomes %v", r.forbidden)
			}
			if err := app.Destroy(); err != nil {
				t.Error(err)
			}
			if got := app.Stats(); got != (tether.Stats{}) {
				t.Errorf("got %+v after Destroy, want nothing left", got)
			}
		})
	}
}

// TestLitmusTestsFindPlantedBugs shows that they can fail.
func TestLitmusTestsFindPlantedBugs(t *testing.T) {
	if raceEnabled {
		t.Skip("the planted bugs are data races")
	}
	for _, l := range litmuses {
		t.Run(l.name, func(t *testing.T) {
			app := tether.NewOwner("app")
			v := library()
			l.bug(&v)
			r := l.make(v, app).run(1_000_000, true)
			if len(r.forbidden) == 0 {
				t.Errorf("a planted bug was not found in %v", r)
			}
			t.Logf("found after %d rounds: %v", r.rounds, r.forbidden)
			_ = app.Destroy()
		})
	}
}
