package history_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// A flow is one goroutine that fires 1, 2, 3 and so on until it is stopped, into a
// ring of n values. A gentle one lets others run after each.
type flow struct {
	owner *tether.Owner
	ring  *history.Ring[int]
	fired atomic.Int64
	stop  atomic.Bool
	done  chan bool
}

func newFlow(t *testing.T, n int, gently bool) *flow {
	t.Helper()
	f := &flow{owner: tether.NewOwner("owner"), done: make(chan bool)}
	s := tether.NewSignal[int](f.owner)
	f.ring = history.Record(f.owner, s, n)
	go func() {
		defer close(f.done)
		for !f.stop.Load() {
			s.Fire(int(f.fired.Add(1)))
			if gently {
				runtime.Gosched()
			}
		}
	}()
	for f.ring.Len() < n {
		runtime.Gosched()
	}
	t.Cleanup(func() {
		f.end()
		f.owner.Destroy()
	})
	return f
}

func (f *flow) end() { f.stop.Store(true); <-f.done }

// Connect went on to deliver for as long as others fired, which may be for ever:
// the body of a Values loop never began, and what was kept for it grew.
func TestRing_ValuesBeginsWhileAnotherGoroutineFires(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		for _, overflow := range []tether.Overflow{tether.Block, tether.DropOldest, tether.DropNewest} {
			f := newFlow(t, 3, false)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a hang takes that long
			last, n := 0, 0
			for v := range tether.Values(ctx, f.ring, 1, overflow) {
				if v <= last || overflow == tether.Block && n > 0 && v != last+1 {
					t.Errorf("%v: %d after %d", overflow, v, last)
				}
				if last = v; n == 20 {
					break
				}
				n++
			}
			require.NoError(t, ctx.Err(), "%v: the body ran %d times", overflow, n)
			cancel()
			f.end()
		}
	})
}

// Whatever connects gets away while the flow goes on, be the handler as slow as it
// likes, and has by then been called with what was kept. It sees every value from
// there on, in order, one at a time.
func TestRing_ConnectReturnsWhileAnotherGoroutineFires(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		for _, work := range []int{0, 1, 10, 100} {
			const n = 3
			f := newFlow(t, n, work > 0)
			type sub struct {
				values []int
				racing int // not atomic: calls must not overlap
			}
			var mu sync.Mutex // for what is read while the flow goes on
			subs := make([]sub, 6)
			for i := range subs {
				s := &subs[i]
				before := int(f.fired.Load())
				r := f.ring
				c := r.Connect(f.owner, func(v int) {
					s.racing++
					for range work {
						runtime.Gosched()
					}
					mu.Lock()
					s.values = append(s.values, v)
					mu.Unlock()
				})
				mu.Lock()
				got, first := len(s.values), s.values[0]
				mu.Unlock()
				require.GreaterOrEqual(t, got, n)
				require.Greater(t, first, before-n-1) // the last one may be on its way
				if i%2 == 0 {
					c.Disconnect() // so that a slow handler does not hold the flow for ever
				}
			}
			f.end()
			for i := range subs {
				s := &subs[i]
				for k, v := range s.values[1:] {
					if v != s.values[k]+1 {
						t.Fatalf("%d after %d", v, s.values[k])
					}
				}
				if i%2 == 1 {
					require.Equal(t, int(f.fired.Load()), s.values[len(s.values)-1], "a value was left behind")
				}
				require.Equal(t, len(s.values), s.racing)
			}
			f.owner.Destroy()
		}
	})
}

// What is recorded while Connect replays, by a goroutine that then stops, is
// delivered by Connect itself: there is nobody else to do it.
func TestRing_ConnectLeavesNothingBehind(t *testing.T) {
	for _, meanwhile := range []int{0, 1, 2, 3, 4, 5, 63, 64, 65, 1000} {
		owner, s, r := newRing(t, 2, 2)
		fire, fired := make(chan bool), make(chan bool)
		go func() {
			<-fire
			for i := range meanwhile {
				s.Fire(3 + i)
			}
			close(fired)
		}()
		var got list
		r.Connect(owner, func(v int) {
			if v == 2 {
				close(fire)
				<-fired
			}
			got.add(v)
		})
		require.Len(t, got, 2+meanwhile)
		for i, v := range got {
			require.Equal(t, i+1, v)
		}
	}
}

// A handler that fires for itself is not called by another goroutine for that.
func TestRing_ConnectDeliversAllThatTheHandlerItselfFires(t *testing.T) {
	owner, s, r := newRing(t, 1, 1)
	var got list
	r.Connect(owner, func(v int) {
		if got.add(v); v < 1000 {
			s.Fire(v + 1)
		}
	})
	require.Len(t, got, 1000)
}

// A replay that is handed on while values keep coming, and connections end: nothing
// is lost between the one who hands on and the one who takes over.
func TestRing_HandsReplaysOnWithoutAGap(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		rounds := 300
		if testing.Short() {
			rounds = 50
		}
		owner := tether.NewOwner("owner")
		defer owner.Destroy()
		s := tether.NewSignal[int](owner)
		r := history.Record(owner, s, 3)
		var order sync.Mutex // makes the order of the values that of their numbers
		next := 0
		for range rounds {
			var wg sync.WaitGroup
			all := make([][]int, 3)
			ready := make(chan bool)
			for range 2 {
				wg.Go(func() {
					<-ready
					for range 30 {
						order.Lock()
						next++
						s.Fire(next) // delivered by it or by a Connect
						order.Unlock()
					}
				})
			}
			conns := make([]*tether.Connection, len(all))
			for i := range all {
				wg.Go(func() {
					<-ready
					conns[i] = r.Connect(owner, func(v int) { all[i] = append(all[i], v) })
				})
			}
			close(ready)
			wg.Wait()
			for i, got := range all {
				if len(got) == 0 || got[len(got)-1] != next {
					t.Fatalf("the last of %d is not there: %v", next, got)
				}
				for k, v := range got[1:] {
					if v != got[k]+1 {
						t.Fatalf("%d after %d", v, got[k])
					}
				}
				conns[i].Disconnect()
			}
		}
	})
}
