package litmus

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
)

// A probe is a handler, goroutine or timer function that notices what it must
// not see: it runs when something that ends it has returned.
type probe struct {
	ending atomic.Bool // what ends it has been called
	ended  atomic.Bool // and has returned

	inside atomic.Int32
	calls  atomic.Int32
	during atomic.Bool // it ran while that was under way
	late   atomic.Bool // it ran after that
	stands atomic.Bool // it ran when that returned
}

func (p *probe) call() {
	p.inside.Add(1)
	if p.ended.Load() {
		p.late.Store(true)
	}
	p.calls.Add(1)
	Idle(32)
	if p.ending.Load() {
		p.during.Store(true)
	}
	if p.ended.Load() {
		p.late.Store(true)
	}
	p.inside.Add(-1)
}

func (p *probe) handle(int) { p.call() }

// end calls f, which ends p as a barrier.
func (p *probe) end(f func()) {
	p.ending.Store(true)
	f()
	if p.inside.Load() != 0 {
		p.stands.Store(true)
	}
	p.ended.Store(true)
}

func (p *probe) destroy(o *tether.Owner) { p.end(func() { _ = o.Destroy() }) }

// barrierOutcomes are those of probe.outcome.
var barrierOutcomes = []Outcome{
	{"called before Destroy", Allowed},
	{"called during Destroy, which waited", Interesting},
	{"not called", Allowed},
	{"entered after Destroy had returned", Forbidden},
	{"running when Destroy returned", Forbidden},
}

func (p *probe) outcome() string {
	switch {
	case p.stands.Load():
		return "running when Destroy returned"
	case p.late.Load():
		return "entered after Destroy had returned"
	case p.during.Load():
		return "called during Destroy, which waited"
	case p.calls.Load() > 0:
		return "called before Destroy"
	}
	return "not called"
}

// fireDestroy is the barrier in its shortest form.
func fireDestroy(app *tether.Owner) *Test {
	return &Test{
		Name: "Fire, Destroy", Outcomes: barrierOutcomes, Share: 100,
		New: func() Round {
			var s tether.Signal[int]
			o, p := app.NewChild("o"), new(probe)
			s.Connect(o, p.handle)
			return Round{
				Parts: []func(){
					func() { s.Fire(1) },
					func() { p.destroy(o) },
				},
				Judge: p.outcome,
			}
		},
	}
}

// fireDestroyCrowd is the same where all slots are taken by others, so
// that calls are counted in their owner.
func fireDestroyCrowd(app *tether.Owner) *Test {
	crowd(app)
	t := fireDestroy(app)
	t.Name = "Fire, Destroy in a crowd"
	return t
}

// await spins until b is true.
func await(b *atomic.Bool) {
	for n := 1; !b.Load(); n++ {
		if n%64 == 0 {
			Pause()
		}
	}
}

// crowd has a thousand goroutines sit in handlers until app is destroyed. What a
// slot is, is the library's business; nothing here depends on it.
func crowd(app *tether.Owner) {
	leave := make(chan struct{})
	var s tether.Signal[int]
	var sitting atomic.Int32
	s.Connect(app.NewChild("crowd"), func(int) { sitting.Add(1); <-leave })
	app.Interrupt(func() { close(leave) })
	for range 1000 {
		go s.Fire(1)
	}
	for sitting.Load() < 1000 {
		Pause()
	}
}

// fireDestroyNext destroys the owner of a handler between those of others, where
// one announcement replaces another.
func fireDestroyNext(app *tether.Owner) *Test {
	var s tether.Signal[int]
	before, after := app.NewChild("before"), app.NewChild("after")
	var n int
	s.Connect(before, func(int) { n++ }, tether.Priority(1))
	s.Connect(after, func(int) { n++ }, tether.Priority(-1))
	return &Test{
		Name: "Fire, Destroy of one of three owners", Outcomes: barrierOutcomes, Share: 100,
		New: func() Round {
			o, p := app.NewChild("o"), new(probe)
			s.Connect(o, p.handle)
			n = 0
			return Round{
				Parts: []func(){
					func() { s.Fire(1) },
					func() { p.destroy(o) },
				},
				Judge: func() string {
					if n != 2 {
						return "another handler was lost"
					}
					return p.outcome()
				},
			}
		},
	}
}

// fireDestroySwitch is the same with the three in one block, which Fire walks by its
// short way.
func fireDestroySwitch(app *tether.Owner) *Test {
	before, after := app.NewChild("before"), app.NewChild("after")
	return &Test{
		Name: "Fire, Destroy of one of three owners in a block", Outcomes: barrierOutcomes, Share: 100,
		New: func() Round {
			var s tether.Signal[int]
			o, p := app.NewChild("o"), new(probe)
			n := 0
			conns := [2]*tether.Connection{s.Connect(before, func(int) { n++ })}
			s.Connect(o, p.handle)
			conns[1] = s.Connect(after, func(int) { n++ })
			return Round{
				Parts: []func(){
					func() { s.Fire(1) },
					func() { p.destroy(o) },
				},
				Judge: func() string {
					for _, c := range conns {
						c.Disconnect()
					}
					if n != 2 {
						return "another handler was lost"
					}
					return p.outcome()
				},
			}
		},
	}
}

// fireRelieve has the first handler end its own owner, whose cleanup then runs
// on the firing goroutine on the way to the second handler. That makes the way
// long enough for a whole Destroy.
func fireRelieve(app *tether.Owner, far bool) *Test {
	name := "Fire that unwinds one owner, Destroy of the next"
	if far {
		name += ", in a second block"
	}
	return &Test{
		Name: name, Outcomes: barrierOutcomes, Share: 100,
		New: func() Round {
			var s tether.Signal[int]
			first, o, p := app.NewChild("first"), app.NewChild("o"), new(probe)
			var unwinding atomic.Bool
			idle := rand.N[uint32](4096)
			first.Defer(func() { unwinding.Store(true); Idle(idle) })
			if far { // on the long way, which begins with the second block
				s.Connect(app, func(int) {}, tether.Priority(1))
			}
			s.Connect(first, func(int) { _ = first.Destroy() })
			s.Connect(o, p.handle)
			return Round{
				Parts: []func(){
					func() { s.Fire(1) },
					func() {
						await(&unwinding)
						p.destroy(o)
					},
				},
				Judge: p.outcome,
			}
		},
	}
}

// fireReplaceDestroy has the block that Fire walks replaced by connects before
// the owner is destroyed.
func fireReplaceDestroy(app *tether.Owner) *Test {
	return &Test{
		Name: "Fire, five times Connect and Destroy", Share: 100,
		Outcomes: []Outcome{
			{"called during Destroy, which waited", Interesting},
			{"not called", Interesting}, // it was dead when its turn came
			{"entered after Destroy had returned", Forbidden},
			{"running when Destroy returned", Forbidden},
		},
		New: func() Round {
			var s tether.Signal[int]
			o, p := app.NewChild("o"), new(probe)
			first := s.Connect(app, func(int) { // Fire is in here meanwhile
				await(&p.ending)
			})
			s.Connect(o, p.handle)
			return Round{
				Parts: []func(){
					func() { s.Fire(1) },
					func() {
						for range 5 {
							s.Connect(o, func(int) {})
						}
						p.destroy(o)
					},
				},
				Judge: func() string { first.Disconnect(); return p.outcome() },
			}
		},
	}
}

func fireFireDestroy(app *tether.Owner) *Test {
	return &Test{
		Name: "Fire, Fire, Destroy", Outcomes: barrierOutcomes, Share: 20,
		New: func() Round {
			var s tether.Signal[int]
			o, p := app.NewChild("o"), new(probe)
			s.Connect(o, p.handle)
			return Round{
				Parts: []func(){
					func() { s.Fire(1) },
					func() { p.destroy(o) },
					func() { s.Fire(2) },
				},
				Judge: p.outcome,
			}
		},
	}
}

// fireDisconnect: Disconnect is no barrier, but no Fire that begins after it
// calls the handler.
func fireDisconnect(app *tether.Owner) *Test {
	return &Test{
		Name: "Fire, Disconnect then Fire",
		Outcomes: []Outcome{
			{"called before Disconnect", Allowed},
			{"called during Disconnect", Interesting},
			{"called by a Fire that had committed before", Interesting},
			{"not called", Allowed},
			{"called by a Fire that began after Disconnect", Forbidden},
		},
		Share: 20,
		New: func() Round {
			var s tether.Signal[int]
			var p probe
			var dead bool
			var late atomic.Bool
			c := s.Connect(app, func(v int) {
				p.call()
				if v == 2 {
					late.Store(true)
				}
			})
			return Round{
				Parts: []func(){
					func() { s.Fire(1) },
					func() {
						p.ending.Store(true)
						dead = c.Disconnect()
						p.ended.Store(true)
						s.Fire(2)
					},
				},
				Judge: func() string {
					switch {
					case !dead:
						return "Disconnect did nothing"
					case late.Load():
						return "called by a Fire that began after Disconnect"
					case p.calls.Load() > 1:
						return "called twice"
					case p.late.Load():
						return "called by a Fire that had committed before"
					case p.during.Load():
						return "called during Disconnect"
					case p.calls.Load() == 1:
						return "called before Disconnect"
					}
					return "not called"
				},
			}
		},
	}
}

func onceFireFire(app *tether.Owner) *Test {
	return &Test{
		Name: "Once: Fire, Fire",
		Outcomes: []Outcome{
			{"called by one, which the other did not see", Allowed},
			{"called by one while the other fired", Interesting},
			{"not called", Forbidden},
			{"called twice", Forbidden},
		},
		Share: 100,
		New: func() Round {
			var s tether.Signal[int]
			var calls, firing atomic.Int32
			var both atomic.Bool
			s.Once(app, func(int) {
				calls.Add(1)
				both.Store(firing.Load() == 2)
			})
			fire := func() {
				firing.Add(1)
				s.Fire(1)
				firing.Add(-1)
			}
			return Round{
				Parts: []func(){fire, fire},
				Judge: func() string {
					switch {
					case calls.Load() == 0:
						return "not called"
					case calls.Load() > 1:
						return "called twice"
					case both.Load():
						return "called by one while the other fired"
					}
					return "called by one, which the other did not see"
				},
			}
		},
	}
}

// fireMute: as fireDisconnect, but the handler comes back.
func fireMute(app *tether.Owner) *Test {
	return &Test{
		Name: "Fire, Mute then Fire, unmute then Fire",
		Outcomes: []Outcome{
			{"called before Mute or after unmute", Allowed},
			{"called while Mute was running, or muted", Interesting},
			{"skipped", Interesting},
			{"called by a Fire that began after Mute", Forbidden},
			{"not called by a Fire that began after unmute", Forbidden},
		},
		Share: 100,
		New: func() Round {
			var s tether.Signal[int]
			var muting, muted, during atomic.Bool
			var calls [4]atomic.Int32
			c := s.Connect(app, func(v int) {
				if v == 1 && (muting.Load() || muted.Load()) {
					during.Store(true)
				}
				calls[v].Add(1)
			})
			return Round{
				Parts: []func(){
					func() { s.Fire(1) },
					func() {
						muting.Store(true)
						unmute := c.Mute()
						muting.Store(false)
						muted.Store(true)
						s.Fire(2)
						muted.Store(false)
						unmute()
						s.Fire(3)
					},
				},
				Judge: func() string {
					c.Disconnect()
					switch {
					case calls[2].Load() > 0:
						return "called by a Fire that began after Mute"
					case calls[3].Load() != 1:
						return "not called by a Fire that began after unmute"
					case calls[1].Load() > 1:
						return "called twice"
					case calls[1].Load() == 0:
						return "skipped"
					case during.Load():
						return "called while Mute was running, or muted"
					}
					return "called before Mute or after unmute"
				},
			}
		},
	}
}
