package history_test

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// A seen is what one subscriber was called with. Its slice has no lock: calls of
// one handler do not overlap, which the race detector checks.
type seen struct {
	values []int
	whole  bool // it stayed connected to the end
	once   bool
}

func TestRing_SubscribersSeeASuffixOfOneOrderWhileOthersFire(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		const firers, connecters, n = 4, 4, 5
		values, rounds := 400, 40
		if testing.Short() {
			values, rounds = 100, 10
		}
		owner := tether.NewOwner("owner")
		defer owner.Destroy()
		var s tether.Signal[int]
		r := history.Record(owner, &s, n)
		var reference list
		r.Connect(owner, reference.add)
		var wg sync.WaitGroup
		for f := range firers {
			wg.Go(func() {
				for i := range values {
					s.Fire(f*values + i)
					if i%8 == 0 {
						runtime.Gosched()
					}
				}
			})
		}
		all := make([][]*seen, connecters)
		for k := range connecters {
			wg.Go(func() {
				for i := range rounds {
					sub := owner.NewChild("sub")
					me := &seen{whole: i%4 == 0, once: i%4 == 3}
					all[k] = append(all[k], me)
					var c *tether.Connection
					if me.once {
						c = r.Once(sub, func(v int) { me.values = append(me.values, v) })
					} else {
						c = r.Connect(sub, func(v int) {
							me.values = append(me.values, v)
							if len(me.values)%16 == 0 {
								runtime.Gosched()
							}
						})
					}
					runtime.Gosched()
					switch i % 4 {
					case 1:
						c.Disconnect()
					case 2:
						sub.Destroy()
						me.values = append(me.values, -1) // the barrier: no call races with this
					}
				}
			})
		}
		wg.Wait()
		require.Len(t, reference, firers*values)
		sorted := slices.Sorted(slices.Values(reference))
		require.Len(t, slices.Compact(sorted), firers*values, "each value is recorded once")
		at := make(map[int]int)
		for i, v := range reference {
			at[v] = i
		}
		owner.Destroy() // also for what a Disconnect did not wait for
		for _, me := range slices.Concat(all...) {
			got := me.values
			if len(got) > 0 && got[len(got)-1] == -1 {
				got = got[:len(got)-1]
			}
			if me.once {
				require.LessOrEqual(t, len(got), 1)
				continue
			}
			if me.whole {
				require.NotEmpty(t, got)
				require.Equal(t, reference[len(reference)-1], got[len(got)-1], "to the end")
			}
			if len(got) > 0 {
				first := at[got[0]]
				require.Equal(t, []int(reference[first:first+len(got)]), got)
			}
		}
	})
}

func TestRing_AReplayHasAllThatWasRecordedBefore(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		for range 300 {
			owner := tether.NewOwner("owner")
			var s tether.Signal[int]
			r := history.Record(owner, &s, 3)
			for i := range 3 {
				s.Fire(i)
			}
			fired := make(chan bool)
			go func() {
				s.Fire(3)
				close(fired)
			}()
			var got list
			r.Connect(owner, got.add)
			<-fired
			s.Fire(4)
			owner.Destroy() // waits for whoever delivers
			if got[0] == 0 {
				require.Equal(t, list{0, 1, 2, 3, 4}, got)
			} else {
				require.Equal(t, list{1, 2, 3, 4}, got)
			}
		}
	})
}

func TestRing_ConcurrentOncesAreCalledOnce(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		for range 200 {
			owner := tether.NewOwner("owner")
			var s tether.Signal[int]
			r := history.Record(owner, &s, 2)
			var wg sync.WaitGroup
			var calls atomic.Int32
			for i := range 3 {
				wg.Go(func() { s.Fire(i) })
				wg.Go(func() { r.Once(owner, func(int) { calls.Add(1) }) })
			}
			wg.Wait()
			require.Equal(t, int32(3), calls.Load())
			owner.Destroy()
		}
	})
}

func TestRing_DestroyIsABarrierForReplays(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		rounds := 2000
		if testing.Short() {
			rounds = 200
		}
		owner := tether.NewOwner("owner")
		defer owner.Destroy()
		var s tether.Signal[int]
		r := history.Record(owner, &s, 4)
		for i := range 4 {
			s.Fire(i)
		}
		for range rounds {
			sub := owner.NewChild("sub")
			touched := 0 // plain: the race detector sees a call that Destroy did not wait for
			done := make(chan bool)
			go func() {
				r.Connect(sub, func(int) {
					runtime.Gosched()
					touched++
				})
				close(done)
			}()
			runtime.Gosched()
			require.NoError(t, sub.Destroy())
			touched = -1
			<-done
			require.Equal(t, -1, touched)
		}
	})
}

// A handler that is held must hold neither the other firers nor its own values.
func TestRing_ABusySubscribersValuesAreLeftToWhoDelivers(t *testing.T) {
	owner, s, r := newRing(t, 1, 0)
	entered, leave := make(chan bool), make(chan bool)
	var got list
	r.Connect(owner, func(v int) {
		got.add(v)
		if v == 0 {
			entered <- true
			<-leave
		}
	})
	done := make(chan bool)
	go func() {
		s.Fire(0)
		close(done)
	}()
	<-entered
	for i := 1; i <= 5; i++ {
		s.Fire(i) // not held
	}
	require.Equal(t, []int{5}, slices.Collect(r.All()))
	close(leave)
	<-done
	require.Equal(t, list{0, 1, 2, 3, 4, 5}, got)
}

// The owner of a subscriber and that of the ring are destroyed from handlers and
// elsewhere, while values are fired and replayed.
func TestRing_TeardownsInTheMiddleOfEverything(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		rounds := 60
		if testing.Short() {
			rounds = 20
		}
		for i := range rounds {
			owner, subs := tether.NewOwner("owner"), tether.NewOwner("subs")
			var s tether.Signal[int]
			r := history.Record(owner, &s, 3)
			var calls atomic.Int64
			var wg sync.WaitGroup
			for k := range 3 {
				wg.Go(func() {
					for v := range 20 {
						s.Fire(v)
					}
				})
				wg.Go(func() {
					for v := range 20 {
						sub := subs.NewChild("sub")
						r.Connect(sub, func(int) {
							calls.Add(1)
							if v%3 == k {
								sub.Destroy()
							}
							if v == 10 && k == 1 && i%2 == 0 {
								owner.Destroy()
							}
						})
						if v%5 == 0 {
							sub.Destroy()
						}
					}
				})
			}
			if i%2 == 1 {
				wg.Go(func() { runtime.Gosched(); owner.Destroy() })
			}
			wg.Wait()
			require.NoError(t, subs.Destroy())
			require.NoError(t, owner.Destroy())
			before := calls.Load()
			s.Fire(1)
			require.Equal(t, before, calls.Load())
			require.Zero(t, r.Len())
			require.Equal(t, tether.Stats{}, owner.Stats())
			require.Zero(t, s.Len())
		}
	})
}

// The last look for a value and the end of being busy are one step: a value that
// is recorded in between would wait for the next one.
func TestRing_NoValueIsLeftBehindWhenAllFiresHaveReturned(t *testing.T) {
	testkit.Procs(t, 2)
	rounds := 800
	if testing.Short() {
		rounds = 400
	}
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	var s tether.Signal[int]
	r := history.Record(owner, &s, 1)
	var counts [64]int
	for i := range counts {
		r.Connect(owner, func(int) { counts[i]++ })
	}
	var arrived atomic.Int64
	meet := func(n int64) {
		arrived.Add(1)
		for arrived.Load() < n {
			runtime.Gosched()
		}
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		for i := range int64(rounds) {
			meet(4*i + 2)
			s.Fire(1)
			meet(4*i + 4)
		}
	}()
	left := 0
	for i := range int64(rounds) {
		meet(4*i + 2)
		s.Fire(2)
		meet(4*i + 4) // the other one does not go on before the next meeting
		for _, n := range counts {
			left += 2*int(i+1) - n
		}
	}
	<-done
	require.Zero(t, left)
}
