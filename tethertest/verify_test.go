package tethertest_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

func hear(string)               {}
func beat()                     {}
func work(ctx context.Context)  { <-ctx.Done() }
func sweep()                    {}
func makeApp() *tether.Owner    { return tether.NewOwner("app") }
func bound(ctx context.Context) { tether.NewOwner("bound", tether.WithContext(ctx)) }
func child(o *tether.Owner)     { o.NewChild("late") }
func listens(s *tether.Signal[string]) func(o *tether.Owner) {
	return func(o *tether.Owner) { s.Connect(o, hear) }
}

func TestVerify_ATestThatEndsItsOwnersPasses(t *testing.T) {
	clean(t)
	passed(t, run("TestTidy", func(t *fake) {
		tethertest.VerifyNone(t)
		app := makeApp()
		defer app.Destroy()
		var said tether.Signal[string]
		said.Connect(app.NewChild("lobby"), hear)
		app.Go(work)
		app.AfterFunc(time.Hour, beat)
	}))
}

func TestVerify_WhatATestLeavesIsShownAsATree(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		var said tether.Signal[string]
		var moved tether.Signal[int]
		var app, other *tether.Owner
		f := run("TestUntidy", func(t *fake) {
			tethertest.VerifyNone(t)
			app = makeApp()
			for range 3 {
				said.Connect(app, hear)
			}
			app.Defer(sweep)
			lobby := app.NewChild("lobby")
			q := tether.NewQueue(lobby, 4, tether.DropOldest, tether.Manual())
			moved.Once(lobby, func(int) {}, tether.On(q))
			said.Connect(lobby, hear, tether.On(q))
			said.Fire("hello")
			said.Fire("again")
			lobby.NewChild("ann").Go(work)
			lobby.AfterFunc(time.Hour, beat)
			other = tether.NewOwner("other")
		})
		app.Destroy()
		other.Destroy()
		require.Equal(t, lines(
			"tethertest: VerifyNone: TestUntidy has ended, but not all that was made in it.",
			"It made, and left:",
			`    owner app`,
			"        made by makeApp (verify_test.go)",
			"        3 connections hear (verify_test.go) on a signal of string",
			"        cleanup sweep (verify_test.go)",
			`        owner app/lobby`,
			"            made by TestVerify_WhatATestLeavesIsShownAsATree.func1.1 (verify_test.go)",
			"            2 queued values in a queue with capacity 4 and DropOldest",
			"            connection TestVerify_WhatATestLeavesIsShownAsATree.func1.1.1 (verify_test.go) on a signal of int",
			"            connection hear (verify_test.go) on a signal of string",
			"            timer beat (verify_test.go)",
			`            owner app/lobby/ann`,
			"                made by TestVerify_WhatATestLeavesIsShownAsATree.func1.1 (verify_test.go)",
			"                goroutine work (verify_test.go)",
			`    owner other`,
			"        made by TestVerify_WhatATestLeavesIsShownAsATree.func1.1 (verify_test.go)",
			hint,
		), f.message())
	})
}

func TestVerify_WhatIsEndingByItselfIsWaitedFor(t *testing.T) {
	clean(t)
	slow := func(t *testing.T, patience time.Duration, verify func(testing.TB)) {
		f := run("TestServer", func(t *fake) {
			verify(t)
			s := tether.NewOwner("server", tether.WithContext(t.Context()))
			s.Go(func(ctx context.Context) {
				<-ctx.Done()
				for range 200 {
					runtime.Gosched()
				}
			})
		})
		passed(t, f)
	}
	t.Run("outside of bubbles", func(t *testing.T) {
		slow(t, 0, tethertest.VerifyNone)
	})
	t.Run("in a bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			slow(t, 0, tethertest.VerifyNone)
			f := run("TestSlow", func(t *fake) { // just within the time
				tethertest.VerifyNone(t)
				s := tether.NewOwner("server", tether.WithContext(t.Context()))
				s.Go(func(ctx context.Context) { <-ctx.Done(); time.Sleep(2 * time.Second) })
			})
			passed(t, f)
			f = run("TestSlower", func(t *fake) {
				tethertest.VerifyNone(t)
				s := tether.NewOwner("server", tether.WithContext(t.Context()))
				s.Go(func(ctx context.Context) { <-ctx.Done(); time.Sleep(time.Minute) })
			})
			require.Contains(t, f.message(), `owner server, cut off: its end waits for what still runs`)
			require.Contains(t, f.message(), "goroutine TestVerify_WhatIsEndingByItselfIsWaitedFor")
			time.Sleep(time.Hour)
		})
	})
}

func TestVerify_ALostOwnerIsReported(t *testing.T) {
	clean(t)
	defer tether.OnLost(nil)()
	var said tether.Signal[string]
	f := run("TestLoses", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		makeApp()
		listens(&said)(makeApp()) // the signal knows its state, but nobody can end it
		ctx, cancel := context.WithCancel(context.Background())
		bound(ctx)
		_ = cancel
		for range 3 {
			runtime.GC()
		}
	})
	said.DisconnectAll()
	text := f.message()
	require.Contains(t, text, lines(
		`    owner app, lost: it became garbage without Destroy`,
		"        made by makeApp (verify_test.go)",
		`    owner app, lost: it became garbage without Destroy, but what it holds lives`))
	require.Contains(t, text, "        connection hear (verify_test.go) on a signal of string")
	require.Contains(t, text, lines(
		`    owner bound, lost: it became garbage without Destroy`,
		"        made by bound (verify_test.go)"))
}

func TestVerify_WaitsAndLoopsInProgressAreReported(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var said tether.Signal[string]
		body := func(t *fake) {
			tethertest.VerifyNone(t)
			go waits(ctx, &said)
			go loops(ctx, &said)
			synctest.Wait()
		}
		f := run("TestWaits", body)
		require.Contains(t, f.message(), "    Wait in progress, called by waits (verify_test.go)\n")
		require.Contains(t, f.message(), "    Values in progress, called by loops (verify_test.go)\n")
		cancel()
		passed(t, run("TestWaitsNoMore", body))
	})
}

func waits(ctx context.Context, src tether.Source[string]) { tether.Wait(ctx, src) }

func loops(ctx context.Context, src tether.Source[string]) {
	for range tether.Values(ctx, src, 1, tether.Block) {
	}
}

func TestVerify_WhatGrowsInOlderOwnersIsReported(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		var said, asked tether.Signal[string]
		hub := tether.NewOwner("hub")
		defer hub.Destroy()
		room := hub.NewChild("room")
		q := tether.NewQueue(hub, 4, tether.Block, tether.Manual())
		said.Connect(hub, hear)
		asked.Connect(hub, hear, tether.On(q))
		asked.Fire("before")

		passed(t, run("TestUses", func(t *fake) {
			tethertest.VerifyNone(t)
			said.Connect(hub, hear).Disconnect()
			room.NewChild("ann").Destroy()
			said.Fire("hello")
		}))
		f := run("TestLeaves", func(t *fake) {
			tethertest.VerifyNone(t)
			said.Connect(hub, hear)
			said.Connect(hub, hear)
			asked.Fire("one")
			child(room)
			room.AfterFunc(time.Hour, beat)
			room.Go(work)
		})
		require.Equal(t, lines(
			"tethertest: VerifyNone: TestLeaves has ended, but not all that was made in it.",
			"Owners that are older than the test hold more than before:",
			`    owner hub`,
			"        1 more queued value in a queue with capacity 4 and Block",
			"        2 more connections hear (verify_test.go) on a signal of string",
			`    owner hub/room`,
			"        1 more timer beat (verify_test.go)",
			"        1 more goroutine work (verify_test.go)",
			`    owner hub/room/late`,
			"        1 more owner by this path, made by child (verify_test.go)",
			hint,
		), f.message())
	})
}

func TestVerify_ARunningHandlerOfAnOlderOwnerIsReported(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		var said tether.Signal[string]
		hub := tether.NewOwner("hub")
		hold := make(chan bool)
		said.Connect(hub, func(string) { <-hold })
		f := run("TestHolds", func(t *fake) {
			tethertest.VerifyNone(t)
			go said.Fire("hello")
			synctest.Wait()
		})
		close(hold)
		require.Contains(t, f.message(), "        1 more running handler")
		hub.Destroy()
	})
}

func TestVerify_OwnersOfNewOwnerAreLeftToIt(t *testing.T) {
	clean(t)
	passed(t, run("TestLate", func(t *fake) {
		app := tethertest.NewOwner(t)
		tethertest.VerifyNone(t) // too late: it judges before app is destroyed
		var said tether.Signal[string]
		said.Connect(app, hear)
		r := tethertest.Record(t, &said)
		said.Fire("x")
		r.Expect("x")
	}))
	real, outer := t, &fake{name: "TestOuter"}
	outer.here(func(t *fake) {
		passed(real, run("TestOuter/inner", func(inner *fake) {
			tethertest.VerifyNone(inner)
			tethertest.NewOwner(t) // of the parent: it outlives the subtest
		}))
	})
	passed(t, outer)
}

func TestVerify_ATreeShowsWhatAnEndWaitsFor(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan bool)
		var said tether.Signal[string]
		f := run("TestHangs", func(t *fake) {
			tethertest.VerifyNone(t)
			app := tether.NewOwner("alive")
			app.Interrupt(sweep)
			said.Connect(app, func(string) { <-hold; app.Destroy() })
			ending := tether.NewOwner("ending")
			said.Connect(ending.NewChild("handles"), func(string) { <-hold })
			go said.Fire("hello")
			synctest.Wait()
			ending.Cancel(nil)
			cleans := tether.NewOwner("cleans")
			cleans.Defer(func() { <-hold })
			cleans.Cancel(nil)
			synctest.Wait()
		})
		close(hold)
		text := f.message()
		require.Contains(t, text, lines(
			`    owner alive`,
			"        made by TestVerify_ATreeShowsWhatAnEndWaitsFor.func1.1 (verify_test.go)",
			"        running handler TestVerify_ATreeShowsWhatAnEndWaitsFor.func1.1.1 (verify_test.go)",
			"        interrupt sweep (verify_test.go)",
			"        connection TestVerify_ATreeShowsWhatAnEndWaitsFor.func1.1.1 (verify_test.go) on a signal of string"))
		require.NotContains(t, text, `owner ending`, "nothing of it runs")
		require.Contains(t, text, `    owner cleans, unwinding: its end waits for the cleanup TestVerify_ATreeShowsWhatAnEndWaitsFor.func1.1.`)
	})
}

func TestVerify_ALongReportIsCut(t *testing.T) {
	clean(t)
	var app *tether.Owner
	f := run("TestUntidy", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		app = makeApp()
		for i := range 20 {
			room := app.NewChild(strings.Repeat("x", i))
			for j := range 20 {
				room.NewChild(strings.Repeat("y", j))
			}
		}
	})
	app.Destroy()
	require.Contains(t, f.message(), `        owner app/xx`)
	require.Contains(t, f.message(), "\n    and 742 more lines\n")
	require.Less(t, len(f.message()), 20_000)
}

func TestVerify_AnOwnerOfAnotherTestsNewOwnerIsAnOlderOne(t *testing.T) {
	clean(t)
	var said tether.Signal[string]
	app := tethertest.NewOwner(t)
	f := run("TestOther", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		said.Connect(app, hear)
	})
	require.Contains(t, f.message(), "        1 more connection hear (verify_test.go) on a signal of string\n")
}

func TestVerify_InABubbleKnowsItsTimers(t *testing.T) {
	left := newBag(t)
	clean(t)
	outer := run("TestAround", func(around *fake) {
		tethertest.VerifyWithin(around, 0)
		synctest.Test(t, func(t *testing.T) {
			f := run("TestTimer", func(t *fake) {
				tethertest.VerifyNone(t)
				time.AfterFunc(time.Second, func() { left.leave(makeApp()) })
				time.Sleep(time.Minute)
			})
			require.Contains(t, f.message(), lines("It made, and left:", `    owner app`))
		})
	})
	passed(t, outer)
}
