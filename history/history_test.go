package history_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
)

var _ tether.Source[int] = (*history.Ring[int])(nil)

func TestRing_KeepsTheLastValues(t *testing.T) {
	_, s, r := newRing(t, 3, 0)
	_, ok := r.Last()
	require.False(t, ok)
	require.Zero(t, r.Len())
	require.Empty(t, slices.Collect(r.All()))
	want := []int{}
	for i := 1; i <= 10; i++ {
		s.Fire(i)
		want = append(want, i)
		want = want[max(0, len(want)-3):]
		require.Equal(t, want, slices.Collect(r.All()))
		require.Equal(t, len(want), r.Len())
		last, ok := r.Last()
		require.True(t, ok)
		require.Equal(t, i, last)
	}
	for v := range r.All() {
		require.Equal(t, 8, v)
		break
	}
}

func TestRing_AllIsASnapshotAndItsBodyRunsWithoutTheLock(t *testing.T) {
	owner, s, r := newRing(t, 2, 2)
	var got list
	for v := range r.All() {
		got.add(v)
		s.Fire(v + 10)
		r.Connect(owner, func(int) {})
		require.Equal(t, 2, r.Len())
	}
	require.Equal(t, list{1, 2}, got)
	require.Equal(t, []int{11, 12}, slices.Collect(r.All()))
}

func TestRing_ConnectDeliversTheHistoryThenWhatFollows(t *testing.T) {
	owner, s, r := newRing(t, 2, 5)
	var got list
	c := r.Connect(owner, got.add)
	require.Equal(t, list{4, 5}, got)
	s.Fire(6)
	require.Equal(t, list{4, 5, 6}, got)
	unmute := c.Mute()
	s.Fire(7)
	unmute()
	s.Fire(8)
	require.True(t, c.Disconnect())
	s.Fire(9)
	require.Equal(t, list{4, 5, 6, 8}, got)
}

func TestRing_OnceGetsTheOldestValueKeptOrTheNextOne(t *testing.T) {
	owner, s, r := newRing(t, 2, 5)
	var got list
	c := r.Once(owner, got.add)
	require.False(t, c.Connected())
	s.Fire(6)
	require.Equal(t, list{4}, got)

	owner2, s2, r2 := newRing(t, 2, 0)
	var got2 list
	c2 := r2.Once(owner2, got2.add)
	require.True(t, c2.Connected())
	s2.Fire(1)
	s2.Fire(2)
	require.Equal(t, list{1}, got2)
	require.False(t, c2.Connected())
	require.Equal(t, 1, owner2.Stats().Connections, "the ring's own")
}

func TestRing_PriorityIsHonouredAndFirstComesFirstWithinOne(t *testing.T) {
	owner, s, r := newRing(t, 1, 0)
	var got list
	for i, p := range []int{0, 5, -3, 5, 0, 9, 5} {
		r.Connect(owner, func(int) { got.add(10*p + i) }, tether.Priority(77), tether.Priority(p))
	}
	s.Fire(1)
	require.Equal(t, list{95, 51, 53, 56, 0, 4, -28}, got)
}

func TestRing_OnAQueueTheReplayIsQueuedToo(t *testing.T) {
	owner, s, r := newRing(t, 3, 5)
	q := tether.NewQueue(owner, 10, tether.Block, tether.Manual())
	var got, once list
	r.Connect(owner, got.add, tether.On(q))
	c := r.Once(owner, once.add, tether.On(q))
	require.Equal(t, 4, q.Len())
	require.False(t, c.Connected(), "spent when queued")
	s.Fire(6)
	require.Empty(t, got)
	require.Equal(t, 5, q.Drain())
	require.Equal(t, list{3, 4, 5, 6}, got)
	require.Equal(t, list{3}, once)
}

func TestRing_NestedFiresComeAfterTheRunningCall(t *testing.T) {
	owner, s, r := newRing(t, 2, 1)
	var a, b list
	r.Connect(owner, func(v int) {
		a.add(v)
		if v < 4 {
			s.Fire(v + 1)
			a.add(-v) // before the nested value
		}
	})
	r.Connect(owner, b.add)
	require.Equal(t, list{1, -1, 2, -2, 3, -3, 4}, a)
	require.Equal(t, list{3, 4}, b)
	s.Fire(3)
	require.Equal(t, list{1, -1, 2, -2, 3, -3, 4, 3, -3, 4}, a)
	require.Equal(t, list{3, 4, 3, 4}, b)
}

func TestRing_AReplayEndsWithItsConnection(t *testing.T) {
	owner, s, r := newRing(t, 5, 5)
	var got list
	c := r.ConnectSelf(owner, func(self *tether.Connection, v int) {
		got.add(v)
		if v == 2 {
			require.True(t, self.Disconnect())
		}
	})
	require.False(t, c.Connected())
	require.Equal(t, list{1, 2}, got)

	got = nil
	sub := owner.NewChild("sub")
	cleaned := 0
	sub.Defer(func() { cleaned++; got.add(-1) })
	c = r.Connect(sub, func(v int) {
		got.add(v)
		if v == 3 {
			require.ErrorIs(t, sub.Destroy(), tether.ErrPending)
		}
	})
	require.False(t, c.Connected())
	require.Equal(t, list{1, 2, 3, -1}, got, "the last one out has cleaned up")
	require.Equal(t, 1, cleaned)

	got = nil
	c = r.ConnectSelf(owner, func(self *tether.Connection, v int) {
		got.add(v)
		if v == 3 {
			self.Mute()
		}
	})
	s.Fire(6)
	require.True(t, c.Connected())
	require.Equal(t, list{1, 2, 3}, got)

	got = nil
	c = r.Connect(owner, func(v int) { // the ring's owner, from a replay
		got.add(v)
		require.ErrorIs(t, owner.Destroy(), tether.ErrPending)
	})
	require.False(t, c.Connected())
	require.Equal(t, list{2}, got)
}

func TestRing_TheDeadDeliverNothing(t *testing.T) {
	owner, s, r := newRing(t, 5, 5)
	never := func(int) { t.Error("called") }
	dead := tether.NewOwner("dead")
	dead.Destroy()
	require.False(t, r.Connect(dead, never).Connected())
	require.False(t, r.Once(dead, never).Connected())
	q := tether.NewQueue(dead, 1, tether.Block)
	require.False(t, r.Connect(owner, never, tether.On(q)).Connected())

	other := tether.NewOwner("other")
	defer other.Destroy()
	seen := 0
	held := r.Connect(other, func(int) { seen++ })
	stop := owner.Defer(func() {
		require.Equal(t, []int{1, 2, 3, 4, 5}, slices.Collect(r.All()), "a cleanup may save the values")
		s.Fire(6)
	})
	owner.Destroy()
	require.False(t, stop())
	require.Equal(t, 5, seen)
	require.False(t, held.Connected())
	for range 2 {
		require.False(t, r.Connect(other, never).Connected())
		require.False(t, r.Once(other, never).Connected())
		require.Empty(t, slices.Collect(r.All()))
		require.Zero(t, r.Len())
		_, ok := r.Last()
		require.False(t, ok)
		r = new(history.Ring[int]) // a zero Ring is a dead one
	}
	require.Equal(t, tether.Stats{Owners: 1}, other.Stats())
	require.Zero(t, s.Len())
	born := history.Record(owner, s, 1)
	s.Fire(7)
	require.Zero(t, born.Len())
	require.False(t, born.Connect(other, never).Connected())
}

func TestRing_AfterCancelNothingIsDeliveredEvenIfTheInterruptIsLate(t *testing.T) {
	owner, s, r := newRing(t, 5, 5)
	other := tether.NewOwner("other")
	defer other.Destroy()
	entered, leave := make(chan bool), make(chan bool)
	owner.Interrupt(func() { entered <- true; <-leave }) // runs before the ring's
	var got, late list
	r.Connect(other, func(v int) {
		got.add(v)
		if v == 2 {
			owner.Cancel(nil)
			<-entered
		}
	})
	c := r.Connect(other, late.add)
	connected := c.Connected()
	s.Fire(6)
	kept := slices.Collect(r.All())
	close(leave)
	<-owner.Ended()
	require.Equal(t, list{1, 2}, got, "the replay ends in its middle")
	require.False(t, connected)
	require.Empty(t, late)
	require.Equal(t, []int{1, 2, 3, 4, 5}, kept)
	require.Zero(t, r.Len())
}

func TestRing_OutlivesItsSource(t *testing.T) {
	source, owner := tether.NewOwner("source"), tether.NewOwner("owner")
	defer owner.Destroy()
	s := tether.NewSignal[int](source)
	r := history.Record(owner, s, 3)
	s.Fire(1)
	source.Destroy()
	var got list
	require.True(t, r.Connect(owner, got.add).Connected())
	require.Equal(t, list{1}, got)
}

func TestRing_OfARingHasItsValues(t *testing.T) {
	owner, s, r := newRing(t, 4, 9)
	r2 := history.Record(owner, r, 2)
	require.Equal(t, []int{8, 9}, slices.Collect(r2.All()))
	s.Fire(10)
	require.Equal(t, []int{9, 10}, slices.Collect(r2.All()))
}

func TestRing_WaitAndValuesBeginWithTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner := tether.NewOwner("owner")
		s := tether.NewSignal[int](owner)
		r := history.Record(owner, s, 2)
		waited := make(chan int)
		go func() {
			v, err := tether.Wait(t.Context(), r)
			require.NoError(t, err)
			waited <- v
		}()
		synctest.Wait()
		s.Fire(1)
		require.Equal(t, 1, <-waited)
		s.Fire(2)
		s.Fire(3)
		v, err := tether.Wait(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, 2, v)

		for _, overflow := range []tether.Overflow{tether.Block, tether.DropOldest} {
			var got list
			for v := range tether.Values(t.Context(), r, 1, overflow) {
				got.add(v)
				if len(got) == 2 {
					break
				}
				if overflow == tether.DropOldest {
					s.Fire(4)
				}
			}
			require.Len(t, got, 2)
		}
		require.Equal(t, 1, s.Len(), "the ring's own connection")

		ended := make(chan []int)
		go func() { ended <- slices.Collect(tether.Values(t.Context(), r, 10, tether.Block)) }()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			r2 := history.Record(owner, new(tether.Signal[int]), 1)
			_, err := tether.Wait(ctx, r2)
			require.ErrorIs(t, err, context.Canceled)
			_, err = tether.Wait(t.Context(), r2)
			require.ErrorIs(t, err, tether.ErrDestroyed)
			ended <- nil
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		owner.Destroy()
		require.Len(t, append(<-ended, <-ended...), 2)
	})
}

func TestRing_APanicGoesToWhoDeliversAfterTheRest(t *testing.T) {
	owner, s, r := newRing(t, 3, 3)
	var a, b list
	require.PanicsWithValue(t, "three", func() {
		r.Connect(owner, func(v int) {
			a.add(v)
			if v == 1 {
				panic("one")
			}
			if v == 3 {
				panic("three")
			}
		})
	})
	require.Equal(t, list{1, 2, 3}, a, "the replay goes on")
	r.Connect(owner, b.add)
	require.PanicsWithValue(t, "one", func() { s.Fire(1) })
	require.Equal(t, list{1, 2, 3, 1}, a)
	require.Equal(t, list{1, 2, 3, 1}, b, "others are called")
	done := make(chan bool)
	go func() {
		defer close(done)
		r.Connect(owner, func(v int) {
			if v == 2 {
				runtime.Goexit()
			}
			b.add(v)
		})
		t.Error("Goexit was lost")
	}()
	<-done
	require.Equal(t, list{1, 2, 3, 1, 3, 1}, b)
	s.Fire(4)
	require.Equal(t, list{1, 2, 3, 1, 3, 1, 4, 4}, b)

	var caught []any
	sup := owner.NewChild("sup", tether.WithPanicHandler(func(p *tether.PanicError) { caught = append(caught, p.Value) }))
	r.Connect(sup, func(v int) { panic(v) })
	require.Equal(t, []any{3, 1, 4}, caught)
}
