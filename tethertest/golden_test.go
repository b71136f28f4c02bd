package tethertest_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/keyed"
	"github.com/seed-ec287111/tether/pool"
	"github.com/seed-ec287111/tether/tethertest"
	"github.com/seed-ec287111/tether/weakref"
)

type sprite struct{ _ [64]int }

func (*sprite) moved(int)                           {}
func draw(tether.Tick)                              {}
func count(int)                                     {}
func starts(active *tether.Owner)                   { active.Go(work) }
func newSprite() (*sprite, error)                   { return new(sprite), nil }
func open(*tether.Owner, int) *sprite               { return new(sprite) }
func made(o *tether.Owner, name string)             { o.NewChild(name).Defer(sweep) }
func newRoot(o ...tether.OwnerOption) *tether.Owner { return tether.NewOwner("root", o...) }

// program leaves some of everything that the library makes on behalf of its user.
func program(app *tether.Owner, target *sprite) {
	tether.NewHeartbeat(app, 100*time.Millisecond).Connect(app.NewChild("game"), draw)
	keyed.New[string](app, "players").Get("ann").Defer(sweep)
	sprites := keyed.NewMap(app, "sprites", open)
	for i := range 5 {
		sprites.Get(i)
	}
	moved := tether.NewSignal[int](app, tether.CloseInTurn(), tether.WhileActive(starts))
	store := app.NewChild("store")
	history.Record(store, moved, 3).Connect(store, count)
	if _, err := pool.New(store, newSprite).Acquire(context.Background(), app.NewChild("borrower")); err != nil {
		panic(err)
	}
	weakref.Connect(app.NewChild("weak"), moved, target, (*sprite).moved)
	server := app.NewChild("server", tether.Staged())
	a, b := net.Pipe()
	tether.OwnBlocking(server, a)
	tether.Own[io.Closer](server, b)
}

func TestReport_WhatTheLibraryMakesIsShownAsTheUsers(t *testing.T) {
	clean(t)
	var app *tether.Owner
	target := new(sprite)
	f := run("TestProgram", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		app = makeApp()
		program(app, target)
	})
	runtime.KeepAlive(target)
	app.Destroy()
	require.Equal(t, lines(
		"tethertest: VerifyNone: TestProgram has ended, but not all that was made in it.",
		"It made, and left:",
		"    owner app",
		"        made by makeApp (verify_test.go)",
		"        owner app/game",
		"            made by program (golden_test.go)",
		"            connection draw (golden_test.go) on a signal of tether.Tick",
		"        owner app/heartbeat 100ms",
		"            made by program (golden_test.go)",
		"            timer tether.Heartbeat",
		"        owner app/players",
		"            made by program (golden_test.go)",
		"            owner app/players/ann",
		"                made by program (golden_test.go)",
		"                cleanup keyed",
		"                cleanup sweep (verify_test.go)",
		"        owner app/sprites",
		"            made by program (golden_test.go)",
		"            5 owners app/sprites/#",
		"                made by program (golden_test.go)",
		"                5 cleanups keyed",
		"        owner app/signal",
		"            made by program (golden_test.go)",
		"            owner app/signal/active",
		"                made by program (golden_test.go)",
		"                goroutine work (verify_test.go)",
		"        owner app/store",
		"            made by program (golden_test.go)",
		"            cleanup history",
		"            connection history.Record on a signal of int",
		"            connection count (golden_test.go) on a signal of int",
		"            cleanup pool.New",
		"        owner app/borrower",
		"            made by program (golden_test.go)",
		"            cleanup pool.Lease",
		"        owner app/weak",
		"            made by program (golden_test.go)",
		"            connection (*sprite).moved (golden_test.go) on a signal of int",
		"        owner app/server",
		"            made by program (golden_test.go)",
		"            interrupt (*net.pipe).Close",
		"            cleanup (*net.pipe).Close",
		hint,
	), f.message())
}

func TestReport_WaitsInProgressAreShownTogether(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var said tether.Signal[string]
		f := run("TestWaits", func(t *fake) {
			tethertest.VerifyNone(t)
			for range 4 {
				go waits(ctx, &said)
			}
			go loops(ctx, &said)
			synctest.Wait()
		})
		require.Contains(t, f.message(), "    4 Waits in progress, called by waits (verify_test.go)\n")
		require.Contains(t, f.message(), "    Values in progress, called by loops (verify_test.go)\n")
	})
}

func TestReport_ATreeSaysThatStagesHaveBegun(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		let := make(chan bool)
		f := run("TestEnds", func(t *fake) {
			tethertest.VerifyNone(t)
			app := newRoot(tether.Staged())
			app.NewChild("older")
			app.NewChild("newer").Defer(func() { <-let })
			go app.Destroy()
			held := makeApp()
			tether.NewSignal[int](held, tether.CloseInTurn())
			held.Go(func(context.Context) { <-let })
			go held.Destroy()
			synctest.Wait()
		})
		close(let)
		require.Equal(t, lines(
			"tethertest: VerifyNone: TestEnds has ended, but not all that was made in it.",
			"It made, and left:",
			"    owner root, ending in stages: its end waits for that of a child",
			"        made by newRoot (golden_test.go)",
			"        owner root/older",
			"            made by TestReport_ATreeSaysThatStagesHaveBegun.func1.1 (golden_test.go)",
			"        owner root/newer, unwinding: its end waits for the cleanup TestReport_ATreeSaysThatStagesHaveBegun.func1.1.1 (golden_test.go)",
			"            made by TestReport_ATreeSaysThatStagesHaveBegun.func1.1 (golden_test.go)",
			"    owner app, cut off: its end waits for what still runs",
			"        made by makeApp (verify_test.go)",
			"        goroutine TestReport_ATreeSaysThatStagesHaveBegun.func1.1.2 (golden_test.go)",
			"        owner app/signal, ends in its turn",
			"            made by TestReport_ATreeSaysThatStagesHaveBegun.func1.1 (golden_test.go)",
			hint,
		), f.message())
	})
}

func TestReport_ATreeShowsWhatAFinishQueueHasToHandle(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		let := make(chan bool)
		f := run("TestFinishes", func(t *fake) {
			tethertest.VerifyNone(t)
			app := makeApp()
			q := tether.NewQueue(app.NewChild("worker"), 8, tether.Block, tether.Finish())
			var said tether.Signal[string]
			said.Connect(app.NewChild("client"), func(string) { <-let }, tether.On(q))
			for range 4 {
				said.Fire("x")
			}
			synctest.Wait()
			app.Cancel(nil)
			synctest.Wait()
		})
		close(let)
		require.Contains(t, f.message(), lines(
			"            3 queued values in a queue with capacity 8 and Block",
			"        owner app/client, cut off: its end waits for what still runs",
			"            made by TestReport_ATreeShowsWhatAFinishQueueHasToHandle.func1.1 (golden_test.go)",
			"            running handler TestReport_ATreeShowsWhatAFinishQueueHasToHandle.func1.1.1 (golden_test.go)",
			"            3 pending values TestReport_ATreeShowsWhatAFinishQueueHasToHandle.func1.1.1 (golden_test.go)",
			hint))
	})
}

// An unattended root failed every test that used a type with one, though nobody can end it.
func TestVerify_AnUnattendedRootIsLeftAloneWhileNothingOfItRuns(t *testing.T) {
	clean(t)
	b := newBag(t)
	var s tether.Signal[int]
	idle := func(o *tether.Owner) *tether.Owner {
		o.Defer(sweep)
		s.Connect(o.NewChild("inner"), count)
		tether.NewQueue(o, 2, tether.Block)
		return o
	}
	passed(t, run("TestUses", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		b.leave(idle(newRoot(tether.Unattended())))
		newRoot(tether.Unattended()).Defer(sweep) // garbage
		runtime.GC()
		runtime.GC()
	}))
	s.DisconnectAll()
	for what, use := range map[string]func(o *tether.Owner){
		"goroutine work (verify_test.go)": func(o *tether.Owner) { o.NewChild("inner").Go(work) },
		"timer beat (verify_test.go)":     func(o *tether.Owner) { o.AfterFunc(time.Hour, beat) },
		"queued value in a queue with capacity 2 and Block": func(o *tether.Owner) {
			s.Connect(o, count, tether.On(tether.NewQueue(o, 2, tether.Block, tether.Manual())))
			s.Fire(1)
		},
	} {
		f := run("TestRuns", func(t *fake) {
			tethertest.VerifyWithin(t, 0)
			use(b.leave(idle(newRoot(tether.Unattended()))))
		})
		require.Contains(t, f.message(), "    owner root\n", what)
		require.Contains(t, f.message(), " "+what+"\n")
		s.DisconnectAll()
	}
}

func TestReport_AHandlerInAWrapperOfTheLibrarysIsTheUsers(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		let := make(chan bool)
		target := new(sprite)
		var s, other tether.Signal[int]
		f := run("TestHolds", func(t *fake) {
			tethertest.VerifyNone(t)
			app := makeApp()
			app.Go(func(context.Context) { <-let })
			weakref.Connect(app.NewChild("weak"), &s, target, func(*sprite, int) { <-let })
			src := tether.NewSource(func(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
				return other.Connect(owner, func(v int) { handler(v) }, opts...)
			})
			src.Connect(app.NewChild("filtered"), func(int) { <-let })
			go s.Fire(1)
			go other.Fire(2)
			synctest.Wait()
		})
		close(let)
		require.Contains(t, f.message(), lines(
			"        owner app/weak",
			"            made by TestReport_AHandlerInAWrapperOfTheLibrarysIsTheUsers.func1.1 (golden_test.go)",
			"            running handler TestReport_AHandlerInAWrapperOfTheLibrarysIsTheUsers.func1.1.2 (golden_test.go)",
			"            connection TestReport_AHandlerInAWrapperOfTheLibrarysIsTheUsers.func1.1.2 (golden_test.go) on a signal of int",
			"        owner app/filtered",
			"            made by TestReport_AHandlerInAWrapperOfTheLibrarysIsTheUsers.func1.1 (golden_test.go)",
			"            running handler TestReport_AHandlerInAWrapperOfTheLibrarysIsTheUsers.func1.1.4 (golden_test.go)",
			"            connection TestReport_AHandlerInAWrapperOfTheLibrarysIsTheUsers.func1.1.4 (golden_test.go) on a signal of int",
		))
		runtime.KeepAlive(target)
	})
}
