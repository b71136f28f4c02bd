package tether_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestQueue_TakesItsFirstValueBesidesItsCapacityWhenIdle(t *testing.T) {
	for _, test := range []struct {
		name     string
		overflow tether.Overflow
		handled  []int
	}{
		{"DropOldest", tether.DropOldest, []int{1, 4, 5}},
		{"DropNewest", tether.DropNewest, []int{1, 2, 3}},
	} {
		testkit.Bubble(t, test.name, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			q := tether.NewQueue(app, 2, test.overflow)
			var s tether.Signal[int]
			var handled journal[int]
			gate := make(chan struct{})
			s.Connect(app, func(v int) {
				<-gate
				handled.add(v)
			}, tether.On(q))
			s.Fire(1) // without synctest.Wait: in hand whether or not it has begun
			assert.Equal(t, 0, q.Len(), "Len with one value, in hand")
			s.Fire(2)
			assert.Equal(t, 1, q.Len(), "Len with one pending")
			s.Fire(3)
			assert.Equal(t, 2, q.Len(), "Len with two pending")
			assert.EqualValues(t, 0, q.Dropped(), "Dropped at capacity")
			s.Fire(4)
			assert.EqualValues(t, 1, q.Dropped(), "Dropped with one too many")
			s.Fire(5)
			assert.EqualValues(t, 2, q.Dropped(), "Dropped with two too many")
			assert.Equal(t, 2, q.Len(), "Len when full")
			close(gate)
			synctest.Wait()
			assert.Equal(t, test.handled, handled.all())
			assert.Equal(t, 0, q.Len())
			assert.EqualValues(t, 2, q.Dropped())
		})
	}
}

func TestQueue_AManualOneHoldsItsCapacityAndNoMore(t *testing.T) {
	for _, test := range []struct {
		name     string
		overflow tether.Overflow
		handled  []int
	}{
		{"DropOldest", tether.DropOldest, []int{2, 3}},
		{"DropNewest", tether.DropNewest, []int{1, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newQueueWorld(2, test.overflow, tether.Manual())
			defer w.destroy()
			w.s.Fire(1)
			w.s.Fire(2)
			assert.Equal(t, 2, w.q.Len())
			w.s.Fire(3)
			assert.Equal(t, 2, w.q.Len())
			assert.EqualValues(t, 1, w.q.Dropped())
			assert.Equal(t, 2, w.q.Drain())
			assert.Equal(t, test.handled, w.handled.all())
		})
	}
}

func TestQueue_OneThatDropsNeverHoldsAFirer(t *testing.T) {
	const fires, capacity = 1000, 7
	for _, test := range []struct {
		name     string
		overflow tether.Overflow
		first    int // of the values that were kept
	}{
		{"DropOldest", tether.DropOldest, fires - capacity},
		{"DropNewest", tether.DropNewest, 0},
	} {
		testkit.Bubble(t, test.name, func(t *testing.T) {
			w := newQueueWorld(capacity, test.overflow)
			defer w.destroy()
			release := holdQueue(w.q)
			defer release()
			for i := range fires {
				w.s.Fire(i)
			}
			assert.Equal(t, capacity, w.q.Len())
			assert.EqualValues(t, fires-capacity, w.q.Dropped())
			release()
			synctest.Wait()
			var want []int
			for i := range capacity {
				want = append(want, test.first+i)
			}
			assert.Equal(t, want, w.handled.all())
		})
	}
}

func TestQueue_DropOldestDropsItOfWhateverSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 3, tether.DropOldest)
		var a, b tether.Signal[int]
		var handled journal[string]
		first := a.Connect(app, func(v int) { handled.add(fmt.Sprint("dead", v)) }, tether.On(q))
		a.Connect(app, func(v int) { handled.add(fmt.Sprint("a", v)) }, tether.On(q))
		b.Connect(app, func(v int) { handled.add(fmt.Sprint("b", v)) }, tether.On(q))
		release := holdQueue(q)
		defer release()
		a.Fire(1) // two values
		b.Fire(2)
		first.Disconnect() // drops one
		assert.EqualValues(t, 1, q.Dropped())
		b.Fire(3)
		assert.Equal(t, 3, q.Len())
		b.Fire(4) // instead of a1
		a.Fire(5) // instead of b2
		assert.EqualValues(t, 3, q.Dropped())
		release()
		synctest.Wait()
		assert.Equal(t, []string{"b3", "b4", "a5"}, handled.all())
	})
}

func TestQueue_AFireFromAHandlerOfADroppingOneDrops(t *testing.T) {
	for _, test := range []struct {
		name     string
		overflow tether.Overflow
		handled  []int
	}{
		{"DropOldest", tether.DropOldest, []int{1, 4, 5}},
		{"DropNewest", tether.DropNewest, []int{1, 2, 3}},
	} {
		testkit.Bubble(t, test.name, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			q := tether.NewQueue(app, 2, test.overflow)
			var s tether.Signal[int]
			var handled journal[int]
			s.Connect(app, func(v int) {
				handled.add(v)
				for i := 2; v == 1 && i <= 5; i++ {
					s.Fire(i)
				}
			}, tether.On(q))
			s.Fire(1)
			synctest.Wait()
			assert.Equal(t, test.handled, handled.all())
			assert.EqualValues(t, 2, q.Dropped())
		})
	}
}
