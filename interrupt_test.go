package tether_test

import (
	"context"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestInterrupt_UnblocksAnAcceptLoop(t *testing.T) {
	app := tether.NewOwner("app")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	app.Interrupt(func() { ln.Close() })
	accepted := make(chan error, 1)
	app.Go(func(context.Context) {
		_, err := ln.Accept()
		accepted <- err
	})
	require.NoError(t, app.Destroy())
	require.ErrorIs(t, <-accepted, net.ErrClosed)
}

func TestInterrupt_RunsOnceAtTheCutOffNewestFirst(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var log trace
		o := tether.NewOwner("o")
		o.Interrupt(log.f("1"))
		c := o.NewChild("c")
		c.Interrupt(log.f("c1"))
		stop := o.Interrupt(log.f("stopped"))
		require.True(t, stop())
		require.False(t, stop())
		o.Interrupt(func() {
			log.add("2")
			assert.False(t, c.Alive(), "the whole subtree is cut off by then")
			assert.Error(t, c.Context().Err())
			o.Interrupt(log.f("at once"))
			o.Defer(log.f("late cleanup"))
		})
		o.Defer(log.f("cleanup"))
		require.NoError(t, o.Destroy())
		require.Equal(t, "2 at once c1 1 late cleanup cleanup", log.String())
		o.Interrupt(log.f("ended"))
		require.True(t, strings.HasSuffix(log.String(), " ended"))
	})
}

// An ancestor was unwinding when Interrupt came for an owner below. The owner had
// not got its turn yet, so the interrupt was counted as something that a drain
// would wait for; that was over. A Destroy inside went round in circles until the
// stack overflowed; the unwinding found something that it could not unwind.
func TestInterrupt_BelowAnOwnerThatUnwindsRunsAtOnce(t *testing.T) {
	t.Run("and may destroy its owner", func(t *testing.T) {
		app := tether.NewOwner("app")
		child := app.NewChild("child")
		var log trace
		child.Defer(log.f("child"))
		app.Defer(func() {
			stop := child.Interrupt(func() {
				log.add("interrupt")
				assert.NoError(t, child.Destroy())
				log.add("over")
			})
			assert.False(t, stop())
		})
		require.NoError(t, app.Destroy())
		require.Equal(t, "interrupt child over", log.String())
		require.True(t, ended(child))
	})
	t.Run("on another goroutine, which the unwinding meets", func(t *testing.T) {
		app := tether.NewOwner("app")
		child := app.NewChild("child")
		var log trace
		leave, left := make(chan bool), make(chan bool)
		child.Defer(log.f("child"))
		app.Defer(func() {
			entered := make(chan bool)
			go func() {
				defer close(left)
				child.Interrupt(func() { close(entered); <-leave })
			}()
			<-entered
		})
		app.NewChild("first").Defer(log.f("first"))
		require.NoError(t, app.Destroy())
		require.Equal(t, "first child", log.String())
		close(leave)
		<-left
	})
}

// A panic of an interrupt went through Destroy at once: whoever recovered it went on
// while goroutines of the owner ran.
func TestDestroy_IsABarrierThoughAnInterruptPanics(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		running, cleaned, second := true, false, false // plain: the race detector looks too
		o.Go(func(ctx context.Context) {
			<-ctx.Done()
			for range 100 {
				runtime.Gosched()
			}
			running = false
		})
		o.Defer(func() { cleaned = true })
		o.Interrupt(func() { second = true })
		o.Interrupt(func() { panic("interrupt") })
		require.PanicsWithValue(t, "interrupt", func() { o.Destroy() })
		require.False(t, running)
		require.True(t, cleaned)
		require.True(t, second, "the other interrupts")
		require.NoError(t, o.Destroy())
	})
}

func TestDestroy_IsABarrierThoughAnInterruptCallsGoexit(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		running := true
		o.Go(func(ctx context.Context) {
			<-ctx.Done()
			runtime.Gosched()
			running = false
		})
		o.Interrupt(runtime.Goexit)
		done := make(chan bool)
		go func() {
			defer func() { done <- running }()
			o.Destroy()
			t.Error("Goexit was swallowed")
		}()
		require.False(t, <-done)
	})
}

func TestInterrupt_APanicGoesOnAndTheTeardownCompletes(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var log trace
		o := tether.NewOwner("o")
		o.Defer(log.f("cleanup"))
		o.Interrupt(log.f("1"))
		o.Interrupt(func() { panic("boom") })
		require.PanicsWithValue(t, "boom", func() { o.Destroy() })
		require.Equal(t, "1 cleanup", log.String())
		require.True(t, ended(o))
	})
}
