// Package growth has handlers and loops that add to an owner from outside, and in
// good.go others that do not.
package growth

import (
	"context"
	"io"
	"net"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/keyed"
	"github.com/seed-ec287111/tether/state"
	"github.com/seed-ec287111/tether/weakref"
)

type session struct {
	owner *tether.Owner
	said  *tether.Signal[string]
}

func (s *session) send(string) {}

type server struct {
	app    *tether.Owner
	joined tether.Signal[*session]
	said   tether.Signal[string]
	value  *state.Value[int]
}

func parameters(app *tether.Owner, joined *tether.Signal[*session], said *tether.Signal[string]) {
	joined.Connect(app, func(s *session) {
		said.Connect(app, s.send) // want `Connect adds to app in every call of a handler`
	})
}

func variables() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var joined, said tether.Signal[string]
	joined.Connect(app, func(name string) {
		said.Connect(app, func(string) {}) // want `Connect adds to app`
	})
}

func (s *server) field() {
	s.joined.Connect(s.app, func(c *session) {
		s.said.Connect(s.app, c.send) // want `Connect adds to s.app`
	})
}

func (s *server) methodValue() { s.joined.Connect(s.app, s.onJoined) }

func (s *server) onJoined(c *session) {
	s.said.Connect(s.app, c.send) // want `Connect adds to s.app`
}

func (s *server) byWayOf() {
	s.joined.Connect(s.app, func(c *session) {
		s.listen(c) // want `Connect, by way of listen, adds to s.app`
	})
}

func (s *server) listen(c *session) { s.said.Connect(s.app, c.send) }

func (s *server) byWayOfTwo() {
	s.joined.Connect(s.app, func(c *session) {
		s.welcome(c) // want `Defer, by way of note, adds to s.app`
	})
}

func (s *server) welcome(c *session) { s.note(c) }

func (s *server) note(c *session) { s.app.Defer(func() { c.send("bye") }) }

func cleanups(app *tether.Owner, joined *tether.Signal[*session]) {
	joined.Connect(app, func(s *session) {
		app.Defer(func() { s.send("bye") }) // want `Defer adds to app`
	})
}

func interrupts(app *tether.Owner, joined *tether.Signal[io.Closer]) {
	joined.Connect(app, func(c io.Closer) {
		app.Interrupt(func() { c.Close() }) // want `Interrupt adds to app`
	})
}

func closers(app *tether.Owner, joined *tether.Signal[net.Conn]) {
	joined.Connect(app, func(c net.Conn) {
		tether.OwnBlocking(app, c) // want `OwnBlocking adds to app`
	})
}

func signals(app *tether.Owner, joined *tether.Signal[*session]) {
	joined.Connect(app, func(s *session) {
		s.said = tether.NewSignal[string](app) // want `NewSignal adds to app`
	})
}

func queues(app *tether.Owner, joined *tether.Signal[*session]) {
	joined.Connect(app, func(s *session) {
		q := tether.NewQueue(app, 8, tether.Block) // want `NewQueue adds to app`
		s.said.Connect(s.owner, s.send, tether.On(q))
	})
}

func children(app *tether.Owner, joined *tether.Signal[*session]) {
	joined.Connect(app, func(s *session) {
		app.NewChild("child") // want `NewChild adds to app`
	})
}

func histories(app *tether.Owner, joined *tether.Signal[*session]) {
	joined.Connect(app, func(s *session) {
		ring := history.Record(app, s.said, 8) // want `Record adds to app`
		_ = ring
	})
}

func afterAnError(app *tether.Owner, joined, said *tether.Signal[string], check func(string) error) {
	joined.Connect(app, func(name string) {
		if err := check(name); err != nil {
			return
		}
		said.Connect(app, func(string) {}) // want `Connect adds to app`
	})
}

func goroutines(app *tether.Owner, joined *tether.Signal[*session], in chan string) {
	joined.Connect(app, func(s *session) {
		app.Go(func(ctx context.Context) { // want `Go adds to app`
			for {
				select {
				case line := <-in:
					s.send(line)
				case <-ctx.Done():
					return
				}
			}
		})
	})
}

func goroutinesThatWait(app *tether.Owner, joined *tether.Signal[*session]) {
	joined.Connect(app, func(s *session) {
		app.Go(func(ctx context.Context) { // want `Go adds to app`
			s.send("hello")
			<-ctx.Done()
		})
	})
}

func namedHandler(app *tether.Owner, joined, said *tether.Signal[string]) {
	handler := func(string) {
		said.Connect(app, func(string) {}) // want `Connect adds to app`
	}
	joined.Connect(app, handler)
}

func ring(app *tether.Owner, joined *history.Ring[string], said *tether.Signal[string]) {
	joined.Connect(app, func(string) {
		said.Connect(app, func(string) {}) // want `Connect adds to app`
	})
}

func functions(app *tether.Owner, joined, said *tether.Signal[string], l *session) {
	joined.Connect(app, func(string) {
		weakref.Connect(app, said, l, (*session).send) // want `Connect adds to app`
	})
}

func (s *server) computed() {
	state.NewComputed(s.app, func(use *state.Use) int {
		s.value.Changes().Connect(s.app, func(state.Change[int]) {}) // want `Connect adds to s.app in every call of a function of NewComputed`
		return s.value.Use(use)
	})
}

func whileActive(app *tether.Owner, said *tether.Signal[string]) *tether.Signal[string] {
	return tether.NewSignal[string](app, tether.WhileActive(func(active *tether.Owner) {
		said.Connect(app, func(string) {}) // want `Connect adds to app in every call of a function of WhileActive`
	}))
}

func generic[T any](app *tether.Owner, a, b *tether.Signal[T], f func(T)) {
	a.Connect(app, func(T) {
		b.Connect(app, f) // want `Connect adds to app`
	})
}

func subscribe(s *tether.Signal[string], o *tether.Owner, f func(string)) *tether.Connection {
	return s.Connect(o, f)
}

func lookAlikes(app *tether.Owner, joined, said *tether.Signal[string]) {
	subscribe(joined, app, func(string) {
		said.Connect(app, func(string) {}) // want `Connect adds to app`
	})
}

func acceptLoop(app *tether.Owner, ln net.Listener) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		tether.OwnBlocking(app, conn) // want `OwnBlocking adds to app in every round of a loop over what comes in`
		app.Go(func(context.Context) { io.Copy(io.Discard, conn) })
	}
}

func overValues(ctx context.Context, app *tether.Owner, joined, said *tether.Signal[string]) {
	for name := range tether.Values(ctx, joined, 8, tether.Block) {
		said.Connect(app, func(string) { _ = name }) // want `Connect adds to app in every round of a loop over values`
	}
}

func overAChannel(app *tether.Owner, joined chan *session, said *tether.Signal[string]) {
	app.Go(func(context.Context) {
		for s := range joined {
			said.Connect(app, s.send) // want `in every round of a loop over a channel`
		}
	})
}

func overWaits(ctx context.Context, app *tether.Owner, joined, said *tether.Signal[string]) {
	for {
		if _, err := tether.Wait(ctx, joined); err != nil {
			return
		}
		app.Defer(func() {}) // want `Defer adds to app in every round`
	}
}

func entries(app *tether.Owner, said *tether.Signal[string]) *keyed.Map[string, *session] {
	return keyed.NewMap(app, "sessions", func(o *tether.Owner, key string) *session {
		s := &session{owner: o}
		said.Connect(app, s.send) // want `Connect adds to app in every call of a function of NewMap`
		return s
	})
}

func byAFunction(app *tether.Owner, joined *tether.Signal[*session], said *tether.Signal[string]) {
	joined.Connect(app, func(s *session) {
		connectTo(said, app, s) // want `Connect, by way of connectTo, adds to app`
	})
}

func connectTo(said *tether.Signal[string], o *tether.Owner, s *session) { said.Connect(o, s.send) }

var (
	program = tether.NewOwner("program")
	uttered tether.Signal[string]
)

func ofThePackage(joined *tether.Signal[*session]) {
	joined.Connect(program, func(s *session) {
		remember(s) // want `Connect, by way of remember, adds to program`
	})
}

func remember(s *session) { uttered.Connect(program, s.send) }

func (s *server) byWayOfChanges() {
	s.joined.Connect(s.app, func(*session) {
		s.follow() // want `Connect, by way of follow, adds to s.app`
	})
}

func (s *server) follow() { s.value.Changes().Connect(s.app, func(state.Change[int]) {}) }

func inABlock(app *tether.Owner, joined, said *tether.Signal[string]) {
	joined.Connect(app, func(string) {
		{
			said.Connect(app, func(string) {}) // want `Connect adds to app`
		}
	})
}

func recursive(app *tether.Owner, joined *tether.Signal[string], n int) {
	joined.Connect(app, func(string) { recursive(app, joined, n-1) }) // want `Connect, by way of recursive, adds to app`
}
