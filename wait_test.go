package tether_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// filtered is a Source as users write them: the values for which keep is true.
type filtered[T any] struct {
	tether.Source[T]
	keep func(T) bool
}

func (f filtered[T]) Connect(owner *tether.Owner, handler func(T), opts ...tether.ConnectOption) *tether.Connection {
	return f.Source.Connect(owner, func(v T) {
		if f.keep(v) {
			handler(v)
		}
	}, opts...)
}

// mapped is a Source of another type.
type mapped[T, U any] struct {
	src tether.Source[T]
	f   func(T) U
}

func (m mapped[T, U]) Connect(owner *tether.Owner, handler func(U), opts ...tether.ConnectOption) *tether.Connection {
	return m.src.Connect(owner, func(v T) { handler(m.f(v)) }, opts...)
}

func (m mapped[T, U]) Once(owner *tether.Owner, handler func(U), opts ...tether.ConnectOption) *tether.Connection {
	return m.src.Once(owner, func(v T) { handler(m.f(v)) }, opts...)
}

// hooked is a Source that calls connected before Connect returns.
type hooked[T any] struct {
	tether.Source[T]
	connected func()
}

func (h hooked[T]) Connect(owner *tether.Owner, handler func(T), opts ...tether.ConnectOption) *tether.Connection {
	c := h.Source.Connect(owner, handler, opts...)
	h.connected()
	return c
}

// A waitResult is what a Wait in the background has returned.
type waitResult[T any] struct {
	v   T
	err error
}

// goWait calls Wait in the background; the channel has room for the result.
func goWait[T any](ctx context.Context, src tether.Source[T]) <-chan waitResult[T] {
	done := make(chan waitResult[T], 1)
	go func() {
		v, err := tether.Wait(ctx, src)
		done <- waitResult[T]{v, err}
	}()
	return done
}

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

// signalDeaths are the ways in which a signal, or all its connections, can end.
var signalDeaths = []struct {
	name string
	kill func(source *tether.Owner, s *tether.Signal[int])
}{
	{"DisconnectAll", func(_ *tether.Owner, s *tether.Signal[int]) { s.DisconnectAll() }},
	{"OwnerDestroyed", func(source *tether.Owner, _ *tether.Signal[int]) { _ = source.Destroy() }},
	{"OwnerCancelled", func(source *tether.Owner, _ *tether.Signal[int]) { source.Cancel(errors.New("not this")) }},
}

// contextEnds are the ways in which a context can end.
var contextEnds = []struct {
	name string
	ctx  func(context.Context) (ctx context.Context, end func())
	want error
}{
	{"Cancelled", func(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }, context.Canceled},
	{"Cause", func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(ctx)
		return ctx, func() { cancel(errEnough) }
	}, errEnough},
	{"Deadline", func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		return ctx, func() {
			<-ctx.Done()
			cancel()
		}
	}, context.DeadlineExceeded},
	{"Owner", func(context.Context) (context.Context, func()) {
		o := tether.NewOwner("owner")
		return o.Context(), func() { _ = o.Destroy() }
	}, tether.ErrDestroyed},
}

var errEnough = errors.New("enough")

// Wait.

func TestWaitReturnsTheNextValueOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		s.Fire(1)
		done := goWait(t.Context(), &s)
		synctest.Wait()
		assert.Empty(t, done, "Wait returned without a value")
		s.Fire(2)
		s.Fire(3)
		assert.Equal(t, waitResult[int]{2, nil}, <-done)
		done = goWait(t.Context(), &s)
		synctest.Wait()
		assert.Empty(t, done, "Wait returned an old value")
		s.Fire(4)
		assert.Equal(t, waitResult[int]{4, nil}, <-done)
	})
}

func TestAllWaitsGetTheNextValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		var done [5]<-chan waitResult[int]
		for i := range done {
			done[i] = goWait(t.Context(), &s)
		}
		synctest.Wait()
		assert.Equal(t, len(done), s.Len())
		s.Fire(1)
		for i := range done {
			assert.Equal(t, waitResult[int]{1, nil}, <-done[i], "Wait number %d", i)
		}
		assert.Zero(t, s.Len())
	})
}

func TestWaitReturnsTheCauseWhenItsContextEnds(t *testing.T) {
	for _, test := range contextEnds {
		inBubble(t, test.name, func(t *testing.T) {
			var s tether.Signal[int]
			ctx, end := test.ctx(t.Context())
			done := goWait(ctx, &s)
			synctest.Wait()
			assert.Empty(t, done, "Wait returned early")
			assert.Equal(t, 1, s.Len())
			end()
			synctest.Wait()
			assert.Zero(t, s.Len(), "the connection has ended")
			assert.Equal(t, waitResult[int]{0, test.want}, <-done)

			_, err := tether.Wait(ctx, &s)
			assert.Equal(t, test.want, err, "with a context that has ended before")
			assert.Zero(t, s.Len())
		})
	}
}

func TestWaitReturnsErrDestroyedWhenTheSignalDies(t *testing.T) {
	for _, death := range signalDeaths {
		inBubble(t, death.name, func(t *testing.T) {
			source := tether.NewOwner("source")
			defer source.Destroy()
			s := tether.NewSignal[int](source)
			done := goWait(t.Context(), s)
			synctest.Wait()
			assert.Empty(t, done, "Wait returned early")
			death.kill(source, s)
			assert.Equal(t, waitResult[int]{0, tether.ErrDestroyed}, <-done)
			assert.Zero(t, s.Len())
			if !source.Alive() {
				_, err := tether.Wait(t.Context(), s)
				assert.Equal(t, tether.ErrDestroyed, err, "of a signal that is closed")
			}
		})
	}
}

// A value and an end that have both come when Wait looks: the value was first.
func TestAValueThatCameBeforeTheEndIsWhatWaitReturns(t *testing.T) {
	type world struct {
		source *tether.Owner
		s      *tether.Signal[int]
		end    func()
	}
	ends := map[string]func(w world){"Context": func(w world) { w.end() }}
	for _, death := range signalDeaths {
		ends[death.name] = func(w world) { death.kill(w.source, w.s) }
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				w := world{source: tether.NewOwner("source"), end: cancel}
				w.s = tether.NewSignal[int](w.source)
				v, err := tether.Wait(ctx, hooked[int]{w.s, func() {
					w.s.Fire(7)
					w.s.Fire(8)
					end(w)
				}})
				cancel()
				require.NoError(t, w.source.Destroy())
				require.NoError(t, err)
				require.Equal(t, 7, v)
			}
		})
	}
}

func TestWaitLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := tether.NewOwner("source")
		defer source.Destroy()
		s := tether.NewSignal[int](source)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i := range 3 {
			done := goWait(ctx, s)
			synctest.Wait()
			assertGoroutines(t, 1, "while Wait waits, which starts none")
			assert.Equal(t, 1, s.Len())
			switch i {
			case 0:
				s.Fire(1)
			case 1:
				s.DisconnectAll()
			case 2:
				cancel()
			}
			<-done
			synctest.Wait()
			assertGoroutines(t, 0, fmt.Sprint("after Wait number ", i))
			assert.Zero(t, s.Len())
		}
	})
}

func TestWaitMayBeCalledInsideAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var ask, answer tether.Signal[int]
		var got waitResult[int]
		ask.Connect(app, func(int) {
			got.v, got.err = tether.Wait(t.Context(), &answer)
		})
		asked := background(func() { ask.Fire(1) })
		synctest.Wait()
		require.False(t, asked())
		answer.Fire(42)
		synctest.Wait()
		assert.True(t, asked())
		assert.Equal(t, waitResult[int]{42, nil}, got)
		assert.Zero(t, answer.Len())
	})
}

func TestFireSynchronizesBeforeWaitAndValuesGetTheValue(t *testing.T) {
	var s tether.Signal[*int]
	for range 100 {
		waiting, looping := goWait(t.Context(), &s), make(chan int)
		go func() {
			for v := range tether.Values(t.Context(), &s, 1, tether.DropNewest) {
				looping <- *v // plain: without the guarantee a race
				break
			}
		}()
		for s.Len() < 2 {
			runtime.Gosched()
		}
		v := new(int)
		*v = 1
		s.Fire(v)
		r := <-waiting
		require.NoError(t, r.err)
		require.Equal(t, 1, *r.v)
		require.Equal(t, 1, <-looping)
		for s.Len() > 0 {
			runtime.Gosched()
		}
	}
}

// Sources of the user's making.

func TestWaitAndValuesTakeAUsersSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := tether.NewOwner("source")
		defer source.Destroy()
		s := tether.NewSignal[int](source)
		even := filtered[int]{s, func(v int) bool { return v%2 == 0 }}
		text := mapped[int, string]{even, strconv.Itoa}

		done := goWait(t.Context(), text)
		got, over := goValues(t.Context(), text, 10, tether.Block, forever)
		synctest.Wait()
		assert.Equal(t, 2, s.Len())
		s.Fire(1)
		synctest.Wait()
		assert.Empty(t, done, "Wait returned a value that was filtered out")
		s.Fire(2)
		s.Fire(3)
		s.Fire(4)
		synctest.Wait()
		assert.Equal(t, waitResult[string]{"2", nil}, <-done)
		assert.Equal(t, []string{"2", "4"}, got.all())

		done = goWait(t.Context(), text)
		synctest.Wait()
		require.NoError(t, source.Destroy())
		synctest.Wait()
		assert.Equal(t, waitResult[string]{"", tether.ErrDestroyed}, <-done)
		assert.True(t, over(), "the loop ended with the signal")
	})
}

// A wrapper that connects twice says with what it returns which one counts.
func TestTheConnectionThatAUsersSourceReturnsEndsWaitAndValues(t *testing.T) {
	for _, test := range []struct {
		name  string
		ended bool
		kill  func(a, b *tether.Signal[int])
	}{
		{"TheOneReturned", true, func(a, _ *tether.Signal[int]) { a.DisconnectAll() }},
		{"AnotherOne", false, func(_, b *tether.Signal[int]) { b.DisconnectAll() }},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			var a, b tether.Signal[int]
			both := merged{&a, &b}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := goWait(ctx, both)
			got, over := goValues(ctx, both, 10, tether.Block, forever)
			synctest.Wait()
			test.kill(&a, &b)
			synctest.Wait()
			assert.Equal(t, test.ended, over(), "the loop is over")
			if test.ended {
				assert.Equal(t, waitResult[int]{0, tether.ErrDestroyed}, <-done)
				assert.Zero(t, b.Len(), "the other connection ended too, with the owner")
			} else {
				assert.Empty(t, done, "Wait returned")
				a.Fire(1)
				synctest.Wait()
				assert.Equal(t, waitResult[int]{1, nil}, <-done)
				assert.Equal(t, []int{1}, got.all())
			}
		})
	}
}

// merged has the values of both, and ends with a.
type merged struct{ a, b *tether.Signal[int] }

func (m merged) Connect(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	m.b.Connect(owner, handler, opts...)
	return m.a.Connect(owner, handler, opts...)
}

func (m merged) Once(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection {
	panic("not needed")
}

// Values.

func TestValuesSubscribesWhenTheLoopStarts(t *testing.T) {
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

func TestValuesGivesAllValuesInTheOrderOfFiring(t *testing.T) {
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

func TestValuesEndsAtTheEndOfItsContext(t *testing.T) {
	for _, test := range contextEnds {
		inBubble(t, test.name, func(t *testing.T) {
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
	inBubble(t, "WhileItWaits", func(t *testing.T) {
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
func TestTheContextsEndEndsTheSubscriptionOfValuesWhileTheBodyRuns(t *testing.T) {
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

func TestValuesEndsWithTheSignalWhenWhatItKeptIsConsumed(t *testing.T) {
	for _, death := range signalDeaths {
		for _, o := range overflows {
			inBubble(t, death.name+"/"+o.name, func(t *testing.T) {
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
		inBubble(t, death.name+"/WhileItWaits", func(t *testing.T) {
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

func TestValuesKeepsWhatItsOverflowSays(t *testing.T) {
	for _, test := range []struct {
		overflow tether.Overflow
		want     []int
	}{
		{tether.DropOldest, []int{1, 8, 9, 10}},
		{tether.DropNewest, []int{1, 2, 3, 4}},
	} {
		inBubble(t, fmt.Sprint(test.overflow), func(t *testing.T) {
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

func TestABlockingValuesHoldsTheFirer(t *testing.T) {
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
		inBubble(t, test.name, func(t *testing.T) {
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
func TestABreakOfValuesLetsAllHeldFirersGo(t *testing.T) {
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

func TestAFireFromTheBodyOfABlockingValuesGoesOverCapacity(t *testing.T) {
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

func TestValuesOfManyFirersLosesNothing(t *testing.T) {
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
}

func TestTheBodyOfValuesIsNotInsideAHandler(t *testing.T) {
	for _, o := range overflows {
		inBubble(t, o.name, func(t *testing.T) {
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

func TestTheBodyOfValuesMayEndTheSignal(t *testing.T) {
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

func TestValuesEndsHoweverItsBodyIsLeft(t *testing.T) {
	for name, leave := range map[string]func(){
		"Panic":  func() { panic("boom") },
		"Goexit": runtime.Goexit,
	} {
		inBubble(t, name, func(t *testing.T) {
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

func TestValuesMayBePulled(t *testing.T) {
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

func TestValuesLeavesNothingBehind(t *testing.T) {
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

// A registrar is a context that never ends and counts what is registered for
// its end, as a context that lives long would have to keep it.
type registrar struct {
	context.Context
	done chan struct{}
	left atomic.Int32
}

func (r *registrar) Done() <-chan struct{} { return r.done }

func (r *registrar) AfterFunc(func()) (stop func() bool) {
	r.left.Add(1)
	return sync.OnceValue(func() bool {
		r.left.Add(-1)
		return true
	})
}

func TestWaitAndValuesLeaveNothingInTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := &registrar{Context: t.Context(), done: make(chan struct{})}
		var s tether.Signal[int]
		done := goWait(ctx, &s)
		_, over := goValues(ctx, &s, 1, tether.Block, func(int) bool { return false })
		synctest.Wait()
		s.Fire(1)
		synctest.Wait()
		require.True(t, over())
		assert.Equal(t, waitResult[int]{1, nil}, <-done)
		assert.Zero(t, ctx.left.Load(), "functions registered for the context's end")
	})
}

func TestMisuseOfWaitAndValuesPanics(t *testing.T) {
	var s, none *tether.Signal[int]
	s = new(tether.Signal[int])
	ctx := t.Context()
	for want, f := range map[string]func(){
		"tether: Wait with nil context":           func() { _, _ = tether.Wait(noContext, s) },
		"tether: Values with nil context":         func() { tether.Values(noContext, s, 1, 0) },
		"tether: Wait with nil Source":            func() { _, _ = tether.Wait[int](ctx, nil) },
		"tether: Values with nil Source":          func() { tether.Values[int](ctx, nil, 1, tether.Block) },
		"tether: Values with capacity 0":          func() { tether.Values(ctx, s, 0, tether.Block) },
		"tether: Values with capacity -1":         func() { tether.Values(ctx, s, -1, tether.Block) },
		"tether: Values with unknown Overflow 3":  func() { tether.Values(ctx, s, 1, 3) },
		"tether: Values with unknown Overflow -1": func() { tether.Values(ctx, s, 1, -1) },
	} {
		assert.PanicsWithValue(t, want, f)
	}
	assert.PanicsWithValue(t, "tether: Wait with nil Source", func() { _, _ = tether.Wait(ctx, none) }, "a nil *Signal")
	assert.PanicsWithValue(t, "tether: Values with nil Source", func() { tether.Values(ctx, none, 1, tether.Block) }, "a nil *Signal")
}
