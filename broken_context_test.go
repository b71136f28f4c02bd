package tether_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// A brokenContext panics if it is asked for a value once broken is set, as one does that takes
// all keys for strings.
type brokenContext struct {
	context.Context
	broken bool
}

func (c *brokenContext) Value(key any) any {
	if c.broken {
		panic("broken")
	}
	return c.Context.Value(key)
}

func newBrokenContext(t *testing.T, broken bool) *brokenContext {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return &brokenContext{ctx, broken}
}

// The goroutine of Run counted as one of the owner's before the panic, and was never counted
// out. So Run waited for itself.
func TestRun_APanicOfItsContextGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.PanicsWithValue(t, "broken", func() {
			tether.Run(newBrokenContext(t, true), "run", func(*tether.Owner) error { return nil })
		})
	})
}

func TestWithContext_APanicOfTheContextLeavesNoOwner(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	require.PanicsWithValue(t, "broken", func() {
		app.NewChild("child", tether.WithContext(newBrokenContext(t, true)))
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
				ctx := newBrokenContext(t, false)
				o := tether.NewOwner("o", tether.WithContext(ctx))
				var ran []string
				o.Interrupt(func() { ran = append(ran, "interrupt") })
				o.Defer(func() { ran = append(ran, "cleanup") })
				child := o.NewChild("child").Context()
				ctx.broken = true
				require.PanicsWithValue(t, "broken", func() { end(o) })
				<-o.Ended()
				require.NoError(t, o.Destroy())
				require.Equal(t, []string{"interrupt", "cleanup"}, ran)
				require.Error(t, child.Err(), "what came after the panic")
			})
		})
	}
}
