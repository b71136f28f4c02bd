package tether_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// The goroutine of Run counted as one of the owner's before the panic, and was never counted
// out. So Run waited for itself.
func TestRun_APanicOfItsContextGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.PanicsWithValue(t, "broken", func() {
			tether.Run(testkit.NewBrokenContext(t, true), "run", func(*tether.Owner) error { return nil })
		})
	})
}

func TestWithContext_APanicOfTheContextLeavesNoOwner(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	require.PanicsWithValue(t, "broken", func() {
		app.NewChild("child", tether.WithContext(testkit.NewBrokenContext(t, true)))
	})
	require.Equal(t, 1, app.Stats().Owners)
}

// The goroutine that cuts off unbinds the owner from its context. If that panicked, nobody went
// on with the teardown: no interrupt and no cleanup ran, and every later Destroy hung.
func TestDestroy_IsABarrierThoughAContextPanics(t *testing.T) {
	for name, end := range map[string]func(*tether.Owner){
		"Destroy":        func(o *tether.Owner) { o.Destroy() },
		"Cancel":         func(o *tether.Owner) { o.Cancel(nil) },
		"DestroyContext": func(o *tether.Owner) { o.DestroyContext(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := testkit.NewBrokenContext(t, false)
				o := tether.NewOwner("o", tether.WithContext(ctx))
				var ran []string
				o.Interrupt(func() { ran = append(ran, "interrupt") })
				o.Defer(func() { ran = append(ran, "cleanup") })
				child := o.NewChild("child").Context()
				ctx.Broken = true
				require.PanicsWithValue(t, "broken", func() { end(o) })
				<-o.Ended()
				require.NoError(t, o.Destroy())
				require.Equal(t, []string{"interrupt", "cleanup"}, ran)
				require.Error(t, child.Err(), "what came after the panic")
			})
		})
	}
}

// A Disconnect cuts off what WhileActive has made, and so unbinds it from its context.
func TestDisconnect_EndsTheConnectionThoughAContextPanics(t *testing.T) {
	for name, end := range map[string]func(*tether.Signal[int], *tether.Connection){
		"Disconnect":    func(_ *tether.Signal[int], c *tether.Connection) { c.Disconnect() },
		"DisconnectAll": func(s *tether.Signal[int], _ *tether.Connection) { s.DisconnectAll() },
	} {
		t.Run(name, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			ctx := testkit.NewBrokenContext(t, false)
			s := tether.NewSignal[int](app, tether.WhileActive(func(active *tether.Owner) {
				active.NewChild("child", tether.WithContext(ctx))
			}))
			o := app.NewChild("o")
			q := tether.NewQueue(app, 1, tether.Block, tether.Manual())
			c := s.Connect(o, func(int) {}, tether.On(q))
			s.Fire(1)
			ended := c.Ended()
			ctx.Broken = true
			require.PanicsWithValue(t, "broken", func() { end(s, c) })
			require.Zero(t, o.Stats().Connections)
			require.Zero(t, q.Len())
			select {
			case <-ended:
			default:
				require.Fail(t, "Ended is open")
			}
		})
	}
}

// The one that a Fire claims, and the stretch of WhileActive that comes next.
func TestOnce_EndsThoughAContextPanics(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	ctx := testkit.NewBrokenContext(t, false)
	stretches := 0
	s := tether.NewSignal[int](app, tether.WhileActive(func(active *tether.Owner) {
		if stretches++; stretches == 1 {
			active.NewChild("child", tether.WithContext(ctx))
		}
	}))
	for name, queued := range map[string][]tether.ConnectOption{
		"called": nil, "queued": {tether.On(tether.NewQueue(app, 1, tether.Block, tether.Manual()))},
	} {
		stretches, ctx.Broken = 0, false
		c := s.Once(app, func(int) {}, queued...)
		ended := c.Ended()
		ctx.Broken = true
		require.PanicsWithValue(t, "broken", func() { s.Fire(1) }, name)
		select {
		case <-ended:
		default:
			require.Fail(t, "Ended is open", name)
		}
		s.Connect(app, func(int) {}).Disconnect()
		require.Equal(t, 2, stretches, name)
	}
}

// Run binds its owner to two contexts.
func TestRun_LeavesBothItsContextsThoughOnePanics(t *testing.T) {
	ctx := testkit.NewBrokenContext(t, false)
	second := &stoppingContext{Context: ctx.Context}
	require.PanicsWithValue(t, "broken", func() {
		_ = tether.Run(ctx, "run", func(*tether.Owner) error {
			ctx.Broken = true
			return nil
		}, tether.WithContext(second))
	})
	require.Equal(t, 1, second.stopped)
}

// A stoppingContext counts how often AfterFunc was taken back.
type stoppingContext struct {
	context.Context
	stopped int
}

func (c *stoppingContext) Done() <-chan struct{} { return make(chan struct{}) }
func (c *stoppingContext) Value(any) any         { return nil }

func (c *stoppingContext) AfterFunc(func()) (stop func() bool) {
	return func() bool { c.stopped++; return true }
}

// An errorlessContext is done, and says that it has no error.
type errorlessContext struct{ context.Context }

func (errorlessContext) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

// A nil of Flush says that the values were handled, and one of Wait that a value has come.
func TestWait_AndFlushTellOfAContextThatIsDoneWithoutAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		s := tether.NewSignal[int](app)
		q := tether.NewQueue(app, 1, tether.Block)
		goOn := make(chan struct{})
		s.Connect(app, func(int) { <-goOn }, tether.On(q))
		s.Fire(1)
		ctx := errorlessContext{context.Background()}
		require.ErrorIs(t, q.Flush(ctx), context.Canceled)
		_, err := tether.Wait(ctx, s)
		require.ErrorIs(t, err, context.Canceled)
		close(goOn)
	})
}
