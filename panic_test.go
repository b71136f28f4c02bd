package tether_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// supervisor returns a panic handler that captures f.
func supervisor(f func()) func(*tether.PanicError) { return func(*tether.PanicError) { f() } }

func TestPanic_InACleanupGoesOnWhenTheRestHasRun(t *testing.T) {
	for _, end := range []string{"panic", "Goexit"} {
		t.Run(end, func(t *testing.T) {
			var log trace
			o := tether.NewOwner("o")
			o.Defer(log.f("1"))
			c := o.NewChild("c")
			c.Defer(log.f("c1"))
			c.Defer(func() {
				log.add("boom")
				if end == "Goexit" {
					runtime.Goexit()
				}
				panic("boom")
			})
			c.Defer(log.f("c3"))
			o.Defer(log.f("3"))
			out := make(chan any)
			go func() {
				defer func() { out <- recover() }()
				o.Destroy()
				out <- "returned"
			}()
			want := any("boom")
			if end == "Goexit" {
				want = nil
			}
			require.Equal(t, want, <-out)
			require.Equal(t, "3 c3 boom c1 1", log.String())
			require.True(t, ended(o) && ended(c))
			require.NoError(t, o.Destroy())
		})
	}
}

func TestPanic_UnsupervisedWithoutAFirerCrashes(t *testing.T) {
	for name, f := range map[string]func(*tether.Owner){
		"goroutine": func(o *tether.Owner) { o.Go(func(context.Context) { panic("the value") }) },
		"timer":     func(o *tether.Owner) { o.AfterFunc(0, func() { panic("the value") }) },
		"tick": func(o *tether.Owner) {
			tether.NewHeartbeat(o, time.Millisecond).Connect(o, func(tether.Tick) { panic("the value") })
		},
		"teardown of Cancel": func(o *tether.Owner) {
			o.Defer(func() { panic("the value") })
			o.Cancel(nil)
		},
		"teardown of a context": func(*tether.Owner) {
			ctx, cancel := context.WithCancel(context.Background())
			tether.NewOwner("o", tether.WithContext(ctx)).Defer(func() { panic("the value") })
			cancel()
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := testkit.Crash(t, func() {
				f(tether.NewOwner("o"))
				select {}
			})
			require.Contains(t, out, "panic: the value")
			require.Contains(t, out, "panic_test.go", "with its own stack")
		})
	}
}

func TestWithPanicHandler_PanicsAreReportedAndNothingStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []*tether.PanicError
		root := tether.NewOwner("root", tether.WithPanicHandler(func(p *tether.PanicError) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, p)
		}))
		o := root.NewChild("child")
		bad := errors.New("bad")
		boom := func() { panic(bad) }
		var log trace
		o.Defer(log.f("last cleanup"))
		o.Defer(boom)
		tether.Own(o, closeFunc(func() error { panic(bad) }))
		o.Interrupt(log.f("last interrupt"))
		o.Interrupt(boom)
		o.Go(func(context.Context) { boom() })
		o.AfterFunc(0, boom)
		var s tether.Signal[int]
		s.Connect(o, func(int) { boom() })
		s.Connect(o, func(int) { log.add("next handler") })
		s.Connect(o, func(int) { boom() }, tether.On(tether.NewQueue(o, 2, tether.Block)))
		tether.NewSignal[int](o, tether.WhileActive(func(*tether.Owner) { boom() })).Connect(o, func(int) {})
		tether.NewHeartbeat(o, time.Second).Once(o, func(tether.Tick) { boom() })
		s.Fire(1)
		time.Sleep(time.Minute)
		require.NoError(t, root.Destroy())
		require.Equal(t, "next handler last interrupt last cleanup", log.String())
		require.Len(t, got, 9)
		for _, p := range got {
			require.ErrorIs(t, p, bad)
			require.True(t, p.Owner == "root/child" || p.Owner == "root/child/active", p.Owner)
			if !strings.Contains(p.Func, "closeFunc.Close") {
				require.Contains(t, p.Func, "TestWithPanicHandler_PanicsAreReported", "%s", p.Stack)
			}
			require.Contains(t, string(p.Stack), "panic_test.go")
			require.Contains(t, p.Error(), "bad")
		}
	})
}

func TestWithPanicHandler_AChildMayHaveItsOwn(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var log trace
		handler := func(name string) tether.OwnerOption {
			return tether.WithPanicHandler(func(p *tether.PanicError) { log.add("%s:%v", name, p.Value) })
		}
		root := tether.NewOwner("root", handler("root"))
		own := root.NewChild("own", handler("own"))
		root.Defer(func() { panic(1) })
		own.Defer(func() { panic(2) })
		require.NoError(t, root.Destroy())
		require.Equal(t, "root:1 own:2", log.String())
	})
}

func TestWithPanicHandler_OneThatPanicsDoesNotStopTheRest(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o", tether.WithPanicHandler(func(p *tether.PanicError) { panic(fmt.Sprint("again ", p.Value)) }))
		var s tether.Signal[int]
		rest := 0
		s.Connect(o, func(int) { panic(1) })
		s.Connect(o, func(int) { rest++ })
		require.PanicsWithValue(t, "again 1", func() { s.Fire(1) })
		require.Equal(t, 1, rest)
		require.NoError(t, o.Destroy())
	})
}

// Whoever calls the handler: the PanicError has the value.
func TestPanicError_HasTheValueThatTheHandlerWasCalledWith(t *testing.T) {
	type order struct{ id int }
	fail := func(order) { panic("boom") }
	for name, connect := range map[string]func(o *tether.Owner, s *tether.Signal[order]){
		"Connect": func(o *tether.Owner, s *tether.Signal[order]) { s.Connect(o, fail) },
		"Once":    func(o *tether.Owner, s *tether.Signal[order]) { s.Once(o, fail) },
		"ConnectSelf": func(o *tether.Owner, s *tether.Signal[order]) {
			s.ConnectSelf(o, func(_ *tether.Connection, v order) { fail(v) })
		},
		"a queue": func(o *tether.Owner, s *tether.Signal[order]) {
			s.Connect(o, fail, tether.On(tether.NewQueue(o, 9, tether.Block)))
		},
		"Once on a queue": func(o *tether.Owner, s *tether.Signal[order]) {
			s.Once(o, fail, tether.On(tether.NewQueue(o, 9, tether.Block)))
		},
		"ConnectSelf on a queue": func(o *tether.Owner, s *tether.Signal[order]) {
			s.ConnectSelf(o, func(_ *tether.Connection, v order) { fail(v) }, tether.On(tether.NewQueue(o, 9, tether.Block)))
		},
		"a source":        func(o *tether.Owner, s *tether.Signal[order]) { tether.NewSource(s.Connect).Connect(o, fail) },
		"a source's Once": func(o *tether.Owner, s *tether.Signal[order]) { tether.NewSource(s.Connect).Once(o, fail) },
		"after another handler": func(o *tether.Owner, s *tether.Signal[order]) {
			s.Connect(o, func(order) { panic("first") }, tether.Priority(1))
			s.Connect(o, fail)
		},
		"of another owner, after one": func(o *tether.Owner, s *tether.Signal[order]) {
			s.Connect(o.NewChild("other"), func(order) {})
			s.Connect(o, fail)
		},
	} {
		testkit.Bubble(t, name, func(t *testing.T) {
			var reports journal[*tether.PanicError]
			o := tether.NewOwner("o", tether.WithPanicHandler(reports.add))
			var s tether.Signal[order]
			connect(o, &s)
			s.Fire(order{17})
			synctest.Wait()
			require.NotEmpty(t, reports.all())
			for _, p := range reports.all() {
				assert.Equal(t, order{17}, p.Fired)
			}
			o.Destroy()
		})
	}
}

func TestPanicError_HasNoValueWhereNoHandlerPanicked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reports journal[*tether.PanicError]
		o := tether.NewOwner("o", tether.WithPanicHandler(reports.add))
		o.Go(func(context.Context) { panic("goroutine") })
		o.AfterFunc(time.Second, func() { panic("timer") })
		o.Interrupt(func() { panic("interrupt") })
		o.Defer(func() { panic("cleanup") })
		s := tether.NewSignal[int](o, tether.WhileActive(func(*tether.Owner) { panic("active") }))
		s.Connect(o, func(int) {})
		time.Sleep(time.Minute)
		o.Destroy()
		require.Len(t, reports.all(), 5)
		for _, p := range reports.all() {
			assert.Nil(t, p.Fired, "%v", p.Value)
		}
	})
}

func TestPanicError_OfAHeartbeatHasTheTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reports journal[*tether.PanicError]
		o := tether.NewOwner("o", tether.WithPanicHandler(reports.add))
		tether.NewHeartbeat(o, time.Second).Once(o, func(tether.Tick) { panic("late") })
		time.Sleep(time.Minute)
		require.Len(t, reports.all(), 1)
		require.EqualValues(t, 1, reports.all()[0].Fired.(tether.Tick).N)
		o.Destroy()
	})
}

func ExamplePanicError() {
	var orders tether.Signal[int]
	desk := tether.NewOwner("desk", tether.WithPanicHandler(func(p *tether.PanicError) {
		fmt.Printf("order %v failed: %v\n", p.Fired, p.Value)
	}))
	defer desk.Destroy()
	orders.Connect(desk, func(id int) {
		if id == 2 {
			panic("out of stock")
		}
		fmt.Println("sold", id)
	})
	for id := range 3 {
		orders.Fire(id + 1)
	}
	// Output:
	// sold 1
	// order 2 failed: out of stock
	// sold 3
}
