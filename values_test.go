package tether_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// goValues runs a Values loop in the background that writes its values down, and
// calls body for each. When it is over, over reports true.
func goValues[T any](ctx context.Context, src tether.Source[T], capacity int, overflow tether.Overflow, body func(T) bool) (got *journal[T], over func() bool) {
	got = new(journal[T])
	over = background(func() {
		for v := range tether.Values(ctx, src, capacity, overflow) {
			got.add(v)
			if !body(v) {
				break
			}
		}
	})
	return got, over
}

func forever[T any](T) bool { return true }

func TestValues_SubscribesWhenTheLoopStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		values := tether.Values(t.Context(), &s, 10, tether.Block)
		assert.Zero(t, s.Len(), "before the loop")
		s.Fire(1)
		for round := range 2 { // each loop is a subscription of its own
			var got []int
			go func() {
				synctest.Wait()
				assert.Equal(t, 1, s.Len(), "in the loop")
				s.Fire(2)
				s.Fire(3)
			}()
			for v := range values {
				got = append(got, v)
				if v == 3 {
					break
				}
			}
			assert.Equal(t, []int{2, 3}, got, "round %d", round)
			assert.Zero(t, s.Len(), "after the loop")
		}
	})
}

func TestValues_GivesAllInTheOrderOfFiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := tether.NewOwner("source")
		s := tether.NewSignal[int](source)
		got, over := goValues(t.Context(), s, 3, tether.Block, func(v int) bool {
			if v%7 == 0 {
				time.Sleep(time.Second)
			}
			return true
		})
		synctest.Wait()
		var want []int
		for i := range 100 {
			s.Fire(i)
			want = append(want, i)
		}
		require.NoError(t, source.Destroy())
		time.Sleep(time.Hour)
		assert.True(t, over())
		assert.Equal(t, want, got.all())
	})
}

func TestValues_EndsAtTheEndOfItsContext(t *testing.T) {
	for _, test := range contextEnds {
		testkit.Bubble(t, test.name, func(t *testing.T) {
			var s tether.Signal[int]
			ctx, end := test.ctx(t.Context())
			gate := make(chan struct{})
			got, over := goValues(ctx, &s, 10, tether.Block, func(int) bool {
				<-gate
				return true
			})
			synctest.Wait()
			s.Fire(1)
			synctest.Wait() // in the body
			s.Fire(2)
			s.Fire(3)
			end()
			close(gate)
			synctest.Wait()
			assert.True(t, over(), "the loop is over")
			assert.Equal(t, []int{1}, got.all(), "what was kept is not consumed")
			assert.Zero(t, s.Len())

			got, over = goValues(ctx, &s, 10, tether.Block, forever)
			synctest.Wait()
			assert.True(t, over(), "the loop is over, with a context that has ended before")
			assert.Empty(t, got.all())
		})
	}
	testkit.Bubble(t, "WhileItWaits", func(t *testing.T) {
		var s tether.Signal[int]
		ctx, cancel := context.WithCancel(t.Context())
		_, over := goValues(ctx, &s, 10, tether.Block, forever)
		synctest.Wait()
		require.False(t, over())
		cancel()
		synctest.Wait()
		assert.True(t, over())
		assert.Zero(t, s.Len())
	})
}

// The end of the context ends the subscription, whatever the body is doing.
func TestValues_TheContextsEndEndsTheSubscriptionWhileTheBodyRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		gate := make(chan struct{})
		got, over := goValues(ctx, &s, 1, tether.Block, func(int) bool {
			<-gate
			return true
		})
		synctest.Wait()
		s.Fire(1)
		synctest.Wait()
		s.Fire(2)
		held := background(func() { s.Fire(3) })
		synctest.Wait()
		require.False(t, held(), "the firer is held")
		cancel()
		synctest.Wait()
		assert.True(t, held(), "the firer was let go at the end of the context")
		assert.Zero(t, s.Len(), "connections after the end of the context")
		close(gate)
		synctest.Wait()
		assert.True(t, held() && over())
		assert.Equal(t, []int{1}, got.all())
	})
}

func TestValues_EndsWithTheSignalWhenWhatItKeptIsConsumed(t *testing.T) {
	for _, death := range signalDeaths {
		for _, o := range overflows {
			testkit.Bubble(t, death.name+"/"+o.name, func(t *testing.T) {
				source := tether.NewOwner("source")
				defer source.Destroy()
				s := tether.NewSignal[int](source)
				step := make(chan struct{})
				got, over := goValues(t.Context(), s, 10, o.overflow, func(int) bool {
					<-step
					return true
				})
				synctest.Wait()
				s.Fire(1)
				s.Fire(2)
				s.Fire(3)
				death.kill(source, s)
				s.Fire(4)
				assert.Zero(t, s.Len(), "the subscription ends at once")
				synctest.Wait()
				assert.False(t, over(), "the loop ended before what it kept was consumed")
				close(step)
				synctest.Wait()
				assert.True(t, over(), "the loop is over")
				assert.Equal(t, []int{1, 2, 3}, got.all())
			})
		}
		testkit.Bubble(t, death.name+"/WhileItWaits", func(t *testing.T) {
			source := tether.NewOwner("source")
			defer source.Destroy()
			s := tether.NewSignal[int](source)
			_, over := goValues(t.Context(), s, 1, tether.Block, forever)
			synctest.Wait()
			require.False(t, over())
			death.kill(source, s)
			synctest.Wait()
			assert.True(t, over())
			if !source.Alive() {
				for range tether.Values(t.Context(), s, 1, tether.Block) {
					t.Error("a value of a closed signal")
				}
			}
		})
	}
}

func TestValues_TheBodyIsNotInsideAHandler(t *testing.T) {
	for _, o := range overflows {
		testkit.Bubble(t, o.name, func(t *testing.T) {
			other := tether.NewOwner("other")
			var slow, s tether.Signal[int]
			n := 0 // plain
			slow.Connect(other, func(int) {
				time.Sleep(time.Minute)
				n++
			})
			other.Defer(func() { n += 10 })
			app := tether.NewOwner("app")
			defer app.Destroy()
			q := tether.NewQueue(app, 10, tether.Block)
			var queued tether.Signal[int]
			handled := 0 // plain
			queued.Connect(app, func(int) {
				time.Sleep(time.Minute)
				handled++
			}, tether.On(q))
			go func() {
				synctest.Wait()
				go slow.Fire(1)
				queued.Fire(1)
				synctest.Wait()
				s.Fire(1)
			}()
			for range tether.Values(t.Context(), &s, 1, o.overflow) {
				assert.NoError(t, other.Destroy(), "Destroy in the body")
				assert.Equal(t, 11, n, "handlers and cleanups done")
				queued.Fire(2)
				assert.NoError(t, q.Flush(t.Context()), "Flush in the body")
				assert.Equal(t, 2, handled, "values of the queue handled")
				break
			}
		})
	}
}

func TestValues_TheBodyMayEndTheSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := tether.NewOwner("source")
		s := tether.NewSignal[int](source)
		got, over := goValues(t.Context(), s, 10, tether.Block, func(v int) bool {
			if v == 1 {
				s.Fire(2)
				assert.NoError(t, source.Destroy())
				s.Fire(3)
			}
			return true
		})
		synctest.Wait()
		s.Fire(1)
		synctest.Wait()
		assert.True(t, over())
		assert.Equal(t, []int{1, 2}, got.all())
	})
}

func TestValues_EndsHoweverItsBodyIsLeft(t *testing.T) {
	for name, leave := range map[string]func(){
		"Panic":  func() { panic("boom") },
		"Goexit": runtime.Goexit,
	} {
		testkit.Bubble(t, name, func(t *testing.T) {
			var s tether.Signal[int]
			var recovered any
			over := background(func() {
				defer func() { recovered = recover() }()
				for range tether.Values(t.Context(), &s, 1, tether.Block) {
					leave()
				}
			})
			synctest.Wait()
			s.Fire(1)
			synctest.Wait()
			assert.True(t, over())
			assert.Zero(t, s.Len())
			if name == "Panic" {
				assert.Equal(t, "boom", recovered)
			}
			s.Fire(2)
			s.Fire(3)
			s.Fire(4) // nobody holds
			assertGoroutines(t, 0, "after the loop")
		})
	}
}

func TestValues_MayBePulled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		next, stop := iter.Pull(tether.Values(t.Context(), &s, 10, tether.DropNewest))
		assert.Zero(t, s.Len(), "before the first next")
		go func() {
			synctest.Wait()
			s.Fire(1)
			s.Fire(2)
			s.Fire(3)
		}()
		v, ok := next()
		assert.True(t, ok)
		assert.Equal(t, 1, v)
		synctest.Wait()
		v, _ = next()
		assert.Equal(t, 2, v)
		assert.Equal(t, 1, s.Len())
		stop()
		assert.Zero(t, s.Len(), "after stop")
		_, ok = next()
		assert.False(t, ok)
		assertGoroutines(t, 0, "after stop")
	})
}

func TestValues_LeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := tether.NewOwner("source")
		defer source.Destroy()
		s := tether.NewSignal[int](source)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i := range 3 {
			_, over := goValues(ctx, s, 1, tether.Block, func(int) bool { return false })
			synctest.Wait()
			assertGoroutines(t, 1, "while Values waits, which starts none")
			assert.Equal(t, 1, s.Len())
			switch i {
			case 0:
				s.Fire(1)
			case 1:
				s.DisconnectAll()
			case 2:
				cancel()
			}
			synctest.Wait()
			assert.True(t, over())
			assertGoroutines(t, 0, fmt.Sprint("after loop number ", i))
			assert.Zero(t, s.Len())
		}
	})
}
