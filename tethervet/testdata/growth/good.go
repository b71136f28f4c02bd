package growth

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
	"github.com/seed-ec287111/tether/state"
)

func ownerOfTheCall(app *tether.Owner, joined *tether.Signal[*session], said *tether.Signal[string]) {
	joined.Connect(app, func(s *session) {
		said.Connect(s.owner, s.send)
	})
}

func ownChild(app *tether.Owner, joined, said *tether.Signal[string]) {
	joined.Connect(app, func(name string) {
		c := app.NewChild(name)
		said.Once(c, func(string) { c.Destroy() })
	})
}

func signalOfTheCall(app *tether.Owner, joined *tether.Signal[*session]) {
	joined.Connect(app, func(s *session) {
		s.said.Connect(app, func(string) {}) // ends with s.said
	})
}

func onlyOnce(app *tether.Owner, started, said *tether.Signal[string]) {
	started.Once(app, func(string) {
		said.Connect(app, func(string) {})
		app.Defer(func() {})
	})
}

func onceInside(app *tether.Owner, joined, said *tether.Signal[string]) {
	joined.Connect(app, func(string) {
		said.Once(app, func(string) {})
	})
}

func resultUsed(app *tether.Owner, joined, said *tether.Signal[string]) {
	var last *tether.Connection
	joined.Connect(app, func(string) {
		last = said.Connect(app, func(string) {})
	})
	_ = last
}

func stopUsed(app *tether.Owner, joined *tether.Signal[*session]) {
	joined.Connect(app, func(s *session) {
		stop := app.Defer(func() { s.send("bye") })
		s.owner.Defer(func() { stop() })
	})
}

func inABranch(app *tether.Owner, joined, said *tether.Signal[string]) {
	first := true
	joined.Connect(app, func(string) {
		if first {
			first = false
			said.Connect(app, func(string) {})
		}
	})
}

func afterAGuard(app *tether.Owner, joined, said *tether.Signal[string]) {
	seen := make(map[string]bool)
	joined.Connect(app, func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		said.Connect(app, func(string) {})
	})
}

func bySyncOnce(app *tether.Owner, joined, said *tether.Signal[string]) {
	var once sync.Once
	joined.Connect(app, func(string) {
		once.Do(func() { said.Connect(app, func(string) {}) })
	})
}

func ownerOfTheRound(game *tether.Owner, round, shot *tether.Signal[int]) {
	current := game.NewChild("round")
	round.Connect(game, func(int) {
		current.Destroy()
		current = game.NewChild("round")
		shot.Connect(current, func(int) {})
	})
}

type game struct {
	app, round  *tether.Owner
	joined, hit tether.Signal[string]
}

func (g *game) start() {
	g.joined.Connect(g.app, func(string) {
		g.hit.Connect(g.round, func(string) {}) // next ends the round
	})
}

func (g *game) next() {
	g.round.Destroy()
	g.round = g.app.NewChild("round")
}

func itself(app *tether.Owner, joined, said *tether.Signal[string]) {
	joined.ConnectSelf(app, func(self *tether.Connection, _ string) {
		self.Disconnect()
		said.Connect(app, func(string) {})
	})
}

func timers(app *tether.Owner, joined *tether.Signal[*session]) {
	joined.Connect(app, func(s *session) {
		app.AfterFunc(time.Second, func() { s.send("hello") })
	})
}

func goroutinesThatReturn(app *tether.Owner, joined *tether.Signal[*session]) {
	joined.Connect(app, func(s *session) {
		app.Go(func(ctx context.Context) {
			select {
			case <-time.After(time.Second):
				s.send("hello")
			case <-ctx.Done():
			}
		})
	})
}

func goroutinesThatMayReturn(app *tether.Owner, joined *tether.Signal[*session], in chan string) {
	joined.Connect(app, func(s *session) {
		app.Go(func(ctx context.Context) {
			for {
				select {
				case line, ok := <-in:
					if !ok {
						return
					}
					s.send(line)
				case <-ctx.Done():
					return
				}
			}
		})
	})
}

func bound(app *tether.Owner, joined *tether.Signal[context.Context]) {
	joined.Connect(app, func(ctx context.Context) {
		app.NewChild("request", tether.WithContext(ctx))
	})
}

func setUp(app *tether.Owner, said *tether.Signal[string], names []string) {
	for range names {
		said.Connect(app, func(string) {})
	}
	for i := 0; i < 3; i++ {
		app.Defer(func() {})
	}
}

func goroutineOnce(app *tether.Owner, said *tether.Signal[string]) {
	app.Go(func(context.Context) {
		said.Connect(app, func(string) {})
		app.Defer(func() {})
	})
}

func acceptAndServe(app *tether.Owner, ln net.Listener) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		c := app.NewChild("client")
		c.Go(func(context.Context) {
			defer c.Destroy()
			io.Copy(io.Discard, tether.OwnBlocking(c, conn))
		})
	}
}

func oneValue(ctx context.Context, app *tether.Owner, joined, said *tether.Signal[string]) {
	for range tether.Values(ctx, joined, 8, tether.Block) {
		said.Connect(app, func(string) {})
		break
	}
}

func ownersOfTheLoop(ctx context.Context, joined *tether.Signal[*session], said *tether.Signal[string]) {
	for s := range tether.Values(ctx, joined, 8, tether.Block) {
		said.Connect(s.owner, s.send)
	}
}

func sessionsOfALoop(sessions []*session, joined, said *tether.Signal[string]) {
	for _, s := range sessions {
		joined.Connect(s.owner, func(string) {})
		said.Connect(s.owner, s.send)
	}
}

func active(app *tether.Owner, said *tether.Signal[string]) *tether.Signal[string] {
	return tether.NewSignal[string](app, tether.WhileActive(func(active *tether.Owner) {
		said.Connect(active, func(string) {})
	}))
}

func watched(app *tether.Owner, v *state.Value[int]) {
	v.Changes().Connect(app, func(c state.Change[int]) {
		v.Set(c.New + 1)
	})
}

func looked(app *tether.Owner, owners *keyed.Owners[string], joined, said *tether.Signal[string]) {
	joined.Connect(app, func(name string) {
		said.Connect(owners.Get(name), func(string) {})
	})
}

func ignored(app *tether.Owner, joined, said *tether.Signal[string]) {
	joined.Connect(app, func(string) {
		//tethervet:ignore growth to show what grows
		said.Connect(app, func(string) {})
	})
}

func notCalledByTheHandler(app *tether.Owner, joined, said *tether.Signal[string]) {
	joined.Connect(app, func(string) {
		later := func() { said.Connect(app, func(string) {}) }
		_ = later
	})
}

func (g *game) rebuilt() {
	g.joined.Connect(g.app, func(string) {
		g.clear()
		g.hit.Connect(g.app, func(string) {})
	})
}

func (g *game) clear() { g.hit.DisconnectAll() }

func results(app *tether.Owner, found chan *session, said *tether.Signal[string]) {
	for s := range found { // of a few workers, which close it
		said.Connect(app, s.send)
	}
}

// first has f called once, whatever its name says.
func first(s *tether.Signal[string], o *tether.Owner, f func(string)) *tether.Connection {
	return s.ConnectSelf(o, func(self *tether.Connection, v string) {
		if self.Disconnect() {
			f(v)
		}
	})
}

func calledOnce(app *tether.Owner, joined, said *tether.Signal[string]) {
	first(joined, app, func(string) {
		said.Connect(app, func(string) {})
	})
}

func entriesOfTheirOwn(app *tether.Owner, said *tether.Signal[string]) *keyed.Map[string, *session] {
	return keyed.NewMap(app, "sessions", func(o *tether.Owner, key string) *session {
		s := &session{owner: o}
		said.Connect(o, s.send)
		return s
	})
}

func byAFunctionForTheCall(app *tether.Owner, joined *tether.Signal[*session], said *tether.Signal[string]) {
	joined.Connect(app, func(s *session) {
		connectTo(said, s.owner, s)
		connectTo(s.said, app, s)
	})
}

func onTheRight(app *tether.Owner, joined, said *tether.Signal[string], first bool) {
	joined.Connect(app, func(string) {
		_ = first && said.Connect(app, func(string) {}).Connected()
	})
}

func optional(app *tether.Owner, joined, said *tether.Signal[string]) {
	joined.Connect(app, func(name string) {
		switch name {
		case "ann":
			said.Connect(app, func(string) {})
		}
	})
}

func ofWhatHappensOnce(app *tether.Owner, ready *tether.Signal[struct{}], said *tether.Signal[string]) {
	ready.Connect(app, func(struct{}) {
		said.Connect(app, func(string) {})
	})
}
