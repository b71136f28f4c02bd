package tether_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestValues_KeepsWhatItsOverflowSays(t *testing.T) {
	for _, test := range []struct {
		overflow tether.Overflow
		want     []int
	}{
		{tether.DropOldest, []int{1, 8, 9, 10}},
		{tether.DropNewest, []int{1, 2, 3, 4}},
	} {
		testkit.Bubble(t, fmt.Sprint(test.overflow), func(t *testing.T) {
			var s tether.Signal[int]
			gate := make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			got, over := goValues(ctx, &s, 3, test.overflow, func(int) bool {
				<-gate
				return true
			})
			synctest.Wait()
			s.Fire(1)
			synctest.Wait() // in the body
			for v := 2; v <= 10; v++ {
				s.Fire(v) // never held
			}
			close(gate)
			synctest.Wait()
			assert.Equal(t, test.want, got.all())
			assert.False(t, over())
		})
	}
}

func TestValues_BlockHoldsTheFirer(t *testing.T) {
	for _, test := range []struct {
		name string
		free func(source *tether.Owner, s *tether.Signal[int], more chan bool)
		want []int
		over bool
	}{
		{"UntilThereIsRoom", func(_ *tether.Owner, _ *tether.Signal[int], more chan bool) { more <- true }, []int{1, 2, 3}, false},
		{"UntilBreak", func(_ *tether.Owner, _ *tether.Signal[int], more chan bool) { more <- false }, []int{1}, true},
		{"UntilDisconnectAll", func(_ *tether.Owner, s *tether.Signal[int], _ chan bool) { s.DisconnectAll() }, []int{1, 2}, true},
		{"UntilTheSignalCloses", func(source *tether.Owner, _ *tether.Signal[int], _ chan bool) { _ = source.Destroy() }, []int{1, 2}, true},
	} {
		testkit.Bubble(t, test.name, func(t *testing.T) {
			source := tether.NewOwner("source")
			defer source.Destroy()
			s := tether.NewSignal[int](source)
			more := make(chan bool) // closed: as many as there are
			got, over := goValues(t.Context(), s, 1, tether.Block, func(int) bool {
				again, open := <-more
				return again || !open
			})
			synctest.Wait()
			s.Fire(1)
			synctest.Wait()
			s.Fire(2)
			held := background(func() { s.Fire(3) })
			synctest.Wait()
			require.False(t, held(), "Fire returned without room")
			test.free(source, s, more)
			synctest.Wait()
			assert.True(t, held(), "Fire returned")
			close(more)
			synctest.Wait()
			assert.Equal(t, test.want, got.all())
			assert.Equal(t, test.over, over(), "the loop is over")
			s.DisconnectAll()
			synctest.Wait()
			assert.True(t, over())
		})
	}
}

// All firers that are held are let go, not only the first.
func TestValues_ABreakLetsAllHeldFirersGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		gate := make(chan struct{})
		_, over := goValues(t.Context(), &s, 1, tether.Block, func(int) bool {
			<-gate
			return false
		})
		synctest.Wait()
		s.Fire(1)
		synctest.Wait()
		s.Fire(2)
		var held [5]func() bool
		for i := range held {
			held[i] = background(func() { s.Fire(3) })
		}
		synctest.Wait()
		close(gate)
		synctest.Wait()
		assert.True(t, over())
		for i := range held {
			assert.True(t, held[i](), "firer %d", i)
		}
	})
}

// The end of the context was looked at between two values only. While the body
// ran, firers that the loop held stayed held.
func TestValues_TheContextsEndLetsGoOfFirersWhileTheBodyRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var s tether.Signal[int]
		go func() {
			time.Sleep(time.Second) // till the loop has begun
			s.Fire(1)
		}()
		bodies := 0
		for range tether.Values(ctx, &s, 1, tether.Block) {
			bodies++
			var fired atomic.Bool
			go func() {
				s.Fire(2)
				s.Fire(3)
				fired.Store(true)
			}()
			synctest.Wait()
			require.False(t, fired.Load(), "the firer is to be held")
			cancel()
			synctest.Wait()
			require.True(t, fired.Load(), "the firer is held after the end of the context")
			require.Zero(t, s.Len())
		}
		require.Equal(t, 1, bodies)
	})
}

func TestValues_AFireFromTheBodyGoesOverCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var s, via tether.Signal[int]
		via.Connect(app, func(v int) { s.Fire(v) })
		got, over := goValues(t.Context(), &s, 1, tether.Block, func(v int) bool {
			if v == 1 {
				s.Fire(2)
				s.Fire(3)
				via.Fire(4)
				other := background(func() { s.Fire(6) })
				synctestSettle()
				assert.False(t, other(), "another goroutine's Fire went over capacity")
				s.Fire(5)
			}
			return v != 6
		})
		synctest.Wait()
		s.Fire(1)
		time.Sleep(time.Second)
		assert.True(t, over())
		assert.Equal(t, []int{1, 2, 3, 4, 5, 6}, got.all())
	})
}

// synctestSettle lets the others in the bubble get as far as they can, where
// synctest.Wait can't be called.
func synctestSettle() { time.Sleep(time.Millisecond) }

func TestValues_OfManyFirersLosesNothing(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		const firers, each = 4, 200
		source := tether.NewOwner("source")
		s := tether.NewSignal[[2]int](source)
		looping := make(chan struct{})
		go func() {
			for s.Len() == 0 {
				runtime.Gosched()
			}
			close(looping)
		}()
		var wg sync.WaitGroup
		for f := range firers {
			wg.Go(func() {
				<-looping
				for n := range each {
					s.Fire([2]int{f, n + 1})
				}
			})
		}
		go func() {
			wg.Wait()
			source.Cancel(nil)
		}()
		last := make([]int, firers)
		for v := range tether.Values(t.Context(), s, 5, tether.Block) {
			assert.Equal(t, last[v[0]]+1, v[1], "next value of firer %d", v[0])
			last[v[0]] = v[1]
		}
		assert.Equal(t, slices.Repeat([]int{each}, firers), last)
		<-source.Ended()
	})
}
