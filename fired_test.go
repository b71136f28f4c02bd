package tether_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

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
		inBubble(t, name, func(t *testing.T) {
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
