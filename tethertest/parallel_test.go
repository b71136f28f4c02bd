package tethertest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

// A meeting is where n goroutines wait for each other.
type meeting struct {
	mu   sync.Mutex
	n    int
	open chan struct{}
}

func newMeeting(n int) *meeting { return &meeting{n: n, open: make(chan struct{})} }

func (m *meeting) wait() {
	m.mu.Lock()
	if m.n--; m.n == 0 {
		close(m.open)
	}
	m.mu.Unlock()
	<-m.open
}

func inGoroutine(f func()) {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	<-done
}

// How many real parallel tests run at once is up to a flag, so they may not wait for
// each other. Fake ones may.
func TestParallel_EachTestAnswersForItsOwn(t *testing.T) {
	clean(t)
	left := newBag(t)
	const n = 8
	made, judged := newMeeting(n), newMeeting(n)
	fakes := make([]*fake, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			fakes[i] = run(fmt.Sprintf("Test%d", i), func(t *fake) {
				tethertest.VerifyWithin(t, 0)
				t.Cleanup(judged.wait) // so all are judged at once
				name := fmt.Sprintf("app%d", i)
				switch i % 4 {
				case 0: // leaves nothing
					o := tether.NewOwner(name)
					defer o.Destroy()
				case 1: // directly
					left.leave(tether.NewOwner(name))
				case 2: // by a goroutine of a goroutine that made nothing
					inGoroutine(func() { inGoroutine(func() { left.leave(tether.NewOwner(name)) }) })
				case 3: // by one whose parent is gone, but was seen
					grandchild := make(chan struct{})
					inGoroutine(func() {
						tether.NewOwner("seen").Destroy()
						go func() { defer close(grandchild); made.wait(); left.leave(tether.NewOwner(name)) }()
					})
					defer func() { <-grandchild }()
					return
				}
				made.wait()
			})
		})
	}
	wg.Wait()
	for i, f := range fakes {
		if i%4 == 0 {
			passed(t, f)
			continue
		}
		text := f.message()
		assert.Contains(t, text, fmt.Sprintf("It made, and left:\n    owner app%d\n", i))
		for k := range n {
			if k != i {
				assert.NotContains(t, text, fmt.Sprintf("\"app%d\"", k))
			}
		}
		assert.NotContains(t, text, "at the same time")
	}
}

func TestParallel_WhatNobodyCanTellIsReportedByTheLast(t *testing.T) {
	clean(t)
	left := newBag(t)
	timer := func() { // a timer's goroutine has no parent
		done := make(chan struct{})
		time.AfterFunc(0, func() { defer close(done); left.leave(makeApp()) })
		<-done
	}
	var last *fake
	first := make(chan *fake)
	last = run("TestLast", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		begun, proceed := make(chan struct{}), make(chan struct{})
		go func() {
			first <- run("TestFirst", func(t *fake) {
				tethertest.VerifyWithin(t, 0)
				close(begun)
				<-proceed
				timer()
			})
		}()
		<-begun
		close(proceed)
		f := <-first // has ended, and left it
		if text := f.message(); text != "" {
			t.Errorf("the first has reported: %s", text)
		}
	})
	require.Equal(t, lines(
		"tethertest: VerifyNone: TestLast has ended, but not all that was made in it.",
		"Made by it or by a test that ran at the same time (TestFirst), and left:",
		`    owner app`,
		"        made by makeApp (verify_test.go)",
		hint,
	), last.message())

	alone := run("TestAlone", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		timer()
	})
	require.Contains(t, alone.message(), "Made while it ran, by a goroutine that may be another's, and left:")
}

func TestParallel_WhatNobodyCanTellMayEndBeforeTheLastTestDoes(t *testing.T) {
	clean(t)
	var app *tether.Owner
	hub := tether.NewOwner("hub")
	defer hub.Destroy()
	var said tether.Signal[string]
	passed(t, run("TestLast", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		f := &fake{name: "TestFirst"}
		inGoroutine(func() {
			f.here(func(t *fake) {
				tethertest.VerifyWithin(t, 0)
				done := make(chan struct{})
				time.AfterFunc(0, func() { defer close(done); app = makeApp() })
				<-done
				said.Connect(hub, hear)
			})
		})
		if text := f.message(); text != "" {
			t.Errorf("the first has reported: %s", text)
		}
		app.Destroy()
		said.DisconnectAll()
	}))
}

func TestParallel_ASubtestAnswersForItselfAndItsParentForTheRest(t *testing.T) {
	clean(t)
	left := newBag(t)
	var inner *fake
	outer := run("TestOuter", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		inGoroutine(func() { left.leave(tether.NewOwner("unverified")) }) // a subtest that does not verify
		inner = run("TestOuter/inner", func(t *fake) {
			tethertest.VerifyWithin(t, 0)
			left.leave(tether.NewOwner("inner"))
		})
	})
	require.Contains(t, inner.message(), "It made, and left:\n    owner inner\n")
	require.NotContains(t, inner.message(), `"unverified"`)
	require.Contains(t, outer.message(), "It made, and left:\n    owner unverified\n")
	require.NotContains(t, outer.message(), `"inner"`, "once is enough")
}

func TestParallel_WhatAGoroutineMakesAfterItsTestIsItsParents(t *testing.T) {
	clean(t)
	left := newBag(t)
	over, made := make(chan struct{}), make(chan struct{})
	var inner *fake
	outer := run("TestOuter", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		inner = run("TestOuter/inner", func(t *fake) {
			tethertest.VerifyWithin(t, 0)
			go func() { defer close(made); <-over; left.leave(tether.NewOwner("late")) }()
		})
		close(over)
		<-made
	})
	passed(t, inner)
	require.Contains(t, outer.message(), "It made, and left:\n    owner late\n")
}

func TestParallel_AnotherTestsOwnersAreNeverReported(t *testing.T) {
	clean(t)
	left := newBag(t)
	begun, made := make(chan struct{}), make(chan struct{})
	ended := make(chan *fake)
	go func() {
		ended <- run("TestVerifies", func(t *fake) {
			tethertest.VerifyWithin(t, 0)
			close(begun)
			<-made
		})
	}()
	<-begun
	t.Run("does not verify", func(t *testing.T) {
		left.leave(makeApp())
		inGoroutine(func() { inGoroutine(func() { left.leave(makeApp()) }) })
		synctest.Test(t, func(t *testing.T) {
			time.AfterFunc(time.Second, func() { left.leave(makeApp()) })
			time.Sleep(time.Minute)
		})
	})
	close(made)
	passed(t, <-ended)
}

func TestParallel_GrowthIsReportedByTheLastOfThoseThatOverlap(t *testing.T) {
	clean(t)
	hub := tether.NewOwner("hub")
	defer hub.Destroy()
	var said tether.Signal[string]
	var first *fake
	last := run("TestLast", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		first = run("TestFirst", func(t *fake) {
			tethertest.VerifyWithin(t, 0)
			said.Connect(hub, hear)
		})
	})
	passed(t, first)
	require.Equal(t, lines(
		"tethertest: VerifyNone: TestLast has ended, but not all that was made in it.",
		"Owners that are older hold more than before it and the tests that ran at the same time (TestFirst):",
		`    owner hub`,
		"        1 more connection hear (verify_test.go) on a signal of string",
		hint,
	), last.message())
}

// This is what users write. It has to pass whatever the order.
// A verification that came and went while the last one made up its mind left the growth to that
// one. But that one had looked before, and nobody reported it.
func TestParallel_WhatIsLeftToTheLastWhileItJudgesIsReported(t *testing.T) {
	clean(t)
	var said tether.Signal[string]
	hub := tether.NewOwner("hub")
	defer hub.Destroy()
	find, judge := tethertest.Verify(&fake{name: "TestLast"})
	end := find()
	passed(t, run("TestBrief", func(t *fake) {
		tethertest.VerifyNone(t)
		said.Connect(hub, hear)
	}))
	if end() {
		t.Fatal("nobody reports the connection")
	}
	text := judge()
	require.Contains(t, text, "at the same time (TestBrief)")
	require.Contains(t, text, "1 more connection")
	require.True(t, tethertest.Idle())
}

func TestParallel_InTestsOfGoTest(t *testing.T) {
	clean(t)
	for i := range 12 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			if i%3 > 0 {
				tethertest.VerifyNone(t)
			}
			app := tethertest.NewOwner(t)
			var said tether.Signal[string]
			heard := tethertest.Record(t, &said)
			said.Connect(app, hear)
			for range 20 {
				inGoroutine(func() {
					o := tether.NewOwner("short")
					said.Connect(o, hear)
					o.Destroy()
				})
				tether.NewOwner("bound", tether.WithContext(t.Context())).Go(work)
			}
			app.Go(work)
			app.AfterFunc(time.Hour, beat)
			said.Fire("hello")
			heard.Expect("hello")
			if i%3 == 2 {
				synctest.Test(t, func(t *testing.T) {
					tethertest.VerifyNone(t)
					tethertest.NewOwner(t).Go(work)
					tether.NewOwner("bound", tether.WithContext(t.Context())).Go(work)
				})
			}
		})
	}
}

func TestParallel_AGoroutineThatWasAnotherTestsIsOnesOwnOnceThatVerifies(t *testing.T) {
	clean(t)
	left := newBag(t)
	begun, over := make(chan struct{}), make(chan struct{})
	ended := make(chan *fake)
	go func() {
		ended <- run("TestAround", func(t *fake) {
			tethertest.VerifyWithin(t, 0)
			close(begun)
			<-over
		})
	}()
	<-begun
	f := &fake{name: "TestLate"}
	t.Run("late", func(t *testing.T) {
		seen, verified, made := make(chan struct{}), make(chan struct{}), make(chan struct{})
		f.here(func(t *fake) {
			go func() {
				tether.NewOwner("seen").Destroy() // its goroutine is known as one that nobody verifies
				close(seen)
				<-verified
				left.leave(makeApp())
				close(made)
			}()
			<-seen
			tethertest.VerifyWithin(t, 0)
			close(verified)
			<-made
		})
	})
	close(over)
	passed(t, <-ended)
	require.Contains(t, f.message(), "It made, and left:\n    owner app\n")
}

func TestParallel_WhoBecomesTheLastWaitsAnewForWhatIsNobodys(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		var said tether.Signal[string]
		hub := tether.NewOwner("hub")
		defer hub.Destroy()
		begun, joined := make(chan struct{}), make(chan struct{})
		ended := make(chan *fake)
		go func() {
			ended <- run("TestWaits", func(t *fake) {
				tethertest.VerifyNone(t)
				close(begun)
				<-joined
				tether.NewOwner("slow", tether.WithContext(t.Context())).Go(func(ctx context.Context) {
					<-ctx.Done()
					time.Sleep(2500 * time.Millisecond)
				})
			})
		}()
		<-begun
		passed(t, run("TestEnds", func(t *fake) {
			tethertest.VerifyNone(t)
			c := said.Connect(hub, hear)
			time.AfterFunc(4*time.Second, func() { c.Disconnect() })
			close(joined)
			time.Sleep(1500 * time.Millisecond)
		}))
		passed(t, <-ended)
	})
}
