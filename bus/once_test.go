package bus_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/derive"
)

func TestOnce_IsCalledOnce(t *testing.T) {
	for _, pattern := range []bool{false, true} {
		app, b := newBus(t)
		topic := bus.Named[int](b, "a")
		once := func(f func(int)) *tether.Connection {
			if pattern {
				return bus.Matching[int](b, "*").Once(app, func(m bus.Message[int]) { f(m.Value) })
			}
			return topic.Once(app, f)
		}
		var got []int
		var c *tether.Connection
		c = once(func(v int) {
			got = append(got, v)
			require.False(t, c.Connected(), "inside it the connection is dead")
			require.Zero(t, app.Stats().Connections)
			require.NoError(t, topic.Publish(bg, 2))
		})
		require.NoError(t, topic.Publish(bg, 1))
		require.NoError(t, topic.Publish(bg, 3))
		require.Equal(t, []int{1}, got)
		require.Zero(t, b.Entries())

		// By many at once, who all come to it in the same moment: who comes too late sees to
		// it that the value is not lost.
		const publishers = 4
		var arrived, leave sync.WaitGroup
		topic.Connect(app, func(int) { arrived.Done(); leave.Wait() }, tether.Priority(1))
		for range 300 {
			handled, dead, other := atomic.Int64{}, atomic.Int64{}, app.NewChild("other")
			arrived.Add(publishers)
			leave.Add(1)
			once(func(int) { handled.Add(1) })
			b.Dead().Connect(other, func(bus.Letter) { dead.Add(1) })
			var wg sync.WaitGroup
			for range publishers {
				wg.Go(func() { _ = topic.Publish(bg, 1) })
			}
			arrived.Wait()
			leave.Done()
			wg.Wait()
			_ = other.Destroy()
			require.Equal(t, int64(1), handled.Load())
			require.Zero(t, dead.Load(), "the first handler got them all")
		}
	}
}

// A Publish whose only handler is a Once that another one has called meanwhile has reached
// nobody.
func TestOnce_WhatComesTooLateIsALetter(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 500
	}
	for _, pattern := range []bool{false, true} {
		app, b := newBus(t)
		topic := bus.Named[int](b, "a")
		var handled, dead atomic.Int64
		b.Dead().Connect(app, func(bus.Letter) { dead.Add(1) })
		for range rounds {
			handled.Store(0)
			dead.Store(0)
			if pattern {
				bus.Matching[int](b, "*").Once(app, func(bus.Message[int]) { handled.Add(1) })
			} else {
				topic.Once(app, func(int) { handled.Add(1) })
			}
			var wg sync.WaitGroup
			ready := make(chan struct{})
			for range 2 {
				wg.Go(func() { <-ready; _ = topic.Publish(bg, 1) })
			}
			close(ready)
			wg.Wait()
			require.Equal(t, int64(1), handled.Load())
			require.Equal(t, int64(1), dead.Load())
		}
	}
}

// The connection ended before the call, and with it what had been made of it: nobody was left to
// get the value.
func TestOnce_ItsValueComesThroughWhatIsMadeOfIt(t *testing.T) {
	app, b := newBus(t)
	topic := bus.For[int](b)
	once := tether.NewSource(func(o *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
		return topic.Once(o, handler, opts...)
	})
	var got []int
	add := func(v int) { got = append(got, v) }
	c := derive.Map(once, func(v int) int { return 2 * v }).Connect(app, add)
	once.Once(app, add)
	require.NoError(t, topic.Publish(bg, 1))
	require.NoError(t, topic.Publish(bg, 2))
	require.Equal(t, []int{2, 1}, got)
	require.False(t, c.Connected())
}
