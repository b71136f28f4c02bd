package scope

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/inflight"
)

// kinds returns what is reported to keep s from ending, without the functions.
func kindsOf(s *Scope) (kinds []string) {
	for _, c := range s.Running() {
		kinds = append(kinds, c.Owner+" "+c.Kind)
	}
	return kinds
}

func TestWhatWaitsForItsTimeIsNotReported(t *testing.T) {
	s := New("s", Config{})
	s.AfterFunc(time.Hour, func() {})
	s.Interrupt(func() {})
	require.Empty(t, kindsOf(s))
	s.Own(closer(func() error { return nil }))
	require.Equal(t, []Call{{"s", "cleanup", "(scope.closer).Close"}}, s.Running())
	require.NoError(t, s.Destroy())
}

func TestWhereNothingRunsTheCleanupsAreReported(t *testing.T) {
	s := New("s", Config{})
	s.Defer(func() {})
	require.Equal(t, []string{"s cleanup"}, kindsOf(s))
	require.NoError(t, s.Destroy())
	require.Empty(t, kindsOf(s))
}

// A dump of goroutines tells which handlers run, not whose they are: what is not
// certain must be unknown.
func TestHandlersAreNamedOnlyWhereItIsCertainWhoseTheyAre(t *testing.T) {
	for _, c := range []struct {
		owners, running, want []string
	}{
		{[]string{"a"}, []string{"f (x:1)"}, []string{"f (x:1)"}},
		{[]string{"a", "a"}, []string{"f (x:1)", "g (x:2)"}, []string{"f (x:1)", "g (x:2)"}},
		{[]string{"a", "b"}, []string{"f (x:1)", "f (x:2)"}, []string{"f (x:1)", "f (x:2)"}},
		{[]string{"a", "b"}, []string{"f (x:1)", "g (x:2)"}, []string{"unknown", "unknown"}},
		{[]string{"a"}, []string{"f (x:1)", "g (x:2)"}, []string{"unknown"}},
		{[]string{"a"}, []string{"f (x:1)", "f (x:2)"}, []string{"f (x:1)"}},
		{[]string{"a", "a"}, []string{"f (x:1)"}, []string{"unknown", "unknown"}},
	} {
		var calls []Call
		var handlers []int
		for i, owner := range c.owners {
			calls = append(calls, Call{owner, "handler", "unknown"})
			handlers = append(handlers, i)
		}
		nameHandlers(calls, handlers, c.running)
		var got []string
		for _, call := range calls {
			got = append(got, call.Func)
		}
		require.Equal(t, c.want, got, "%v run, of %v", c.running, c.owners)
	}
}

// A call that is over must be off every count, or reports go on listing it.
func TestACallThatIsOverIsReportedNoMore(t *testing.T) {
	s := New("s", Config{})
	require.True(t, s.EnterRun())
	require.True(t, s.Enter())
	require.NotEmpty(t, kindsOf(s))
	s.Leave()
	s.LeaveRun()
	require.Empty(t, kindsOf(s))

	require.True(t, s.Enter())
	require.True(t, s.Enter())
	s.Cancel(nil)
	require.Equal(t, []string{"s handler", "s handler"}, kindsOf(s))
	s.Leave()
	require.Equal(t, []string{"s handler"}, kindsOf(s), "one of two has returned after the cut-off")
	s.Leave()
	<-s.Ended()
}

func TestNothingEntersADeadScope(t *testing.T) {
	s := New("s", Config{})
	require.NoError(t, s.Destroy())
	require.False(t, s.Enter())
	require.False(t, s.EnterRun())
	require.Empty(t, kindsOf(s))
}

// What is no handler must leave the count of handlers alone, before the cut-off
// and after.
func TestNothingButAHandlerIsReportedAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("s", Config{})
		require.True(t, s.Enter()) // to be the one
		hold := make(chan bool)
		for _, wait := range []func(){func() {}, func() { <-hold }} {
			s.Go(func(context.Context) { wait() })
			s.AfterFunc(0, wait)
			child := s.NewChild("child", Config{})
			child.Defer(wait)
			child.Go(func(context.Context) { wait() })
			go child.Destroy()
			synctest.Wait()
			require.True(t, s.EnterRun())
		}
		s.Interrupt(func() { <-hold })
		s.LeaveRun()
		s.Cancel(nil)
		synctest.Wait()
		require.ElementsMatch(t, []string{"s handler", "s goroutine", "s timer", "s interrupt", "s/child goroutine"}, kindsOf(s))
		close(hold)
		synctest.Wait()
		require.Equal(t, []string{"s handler"}, kindsOf(s))
		s.LeaveRun()
		require.Equal(t, []string{"s handler"}, kindsOf(s))
		s.Leave()
		<-s.Ended()
	})
}

func TestARetractedAnnouncementFreesItsSlot(t *testing.T) {
	s := New("s", Config{})
	require.NotZero(t, s.PresenceID())
	var at [64]byte
	slot, ok := s.Announce(unsafe.Pointer(&at))
	require.True(t, ok)
	require.NotNil(t, slot)
	s.Retract(slot)
	require.True(t, slot.Claim(8))
	require.False(t, slot.Swap(0))
	require.Same(t, slot, inflight.SlotFor(unsafe.Pointer(&at)))
	require.NoError(t, s.Destroy())
}

// An ancestor that is cut off later must not take an owner back that unwinds: what
// is handed to that is for now, not for a list.
func TestACutOffAboveAnOwnerThatUnwindsChangesNothingInIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("s", Config{})
		child := s.NewChild("child", Config{})
		hold := make(chan bool)
		child.Defer(func() { <-hold })
		child.Cancel(nil)
		synctest.Wait()
		s.Cancel(nil)
		ran := false
		child.Defer(func() { ran = true })
		require.True(t, ran)
		close(hold)
		<-s.Ended()
	})
}

func TestAnInterruptThatComesLateIsReportedWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("s", Config{})
		hold := make(chan bool)
		s.Go(func(context.Context) { <-hold })
		s.Cancel(nil)
		go s.Interrupt(func() { <-hold })
		synctest.Wait()
		require.ElementsMatch(t, []string{"s interrupt", "s goroutine"}, kindsOf(s))
		close(hold)
		<-s.Ended()
	})
}

func TestACleanupThatHasRunIsNotReportedWhileAChildUnwinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("s", Config{})
		hold := make(chan bool)
		s.NewChild("child", Config{}).Defer(func() { <-hold })
		s.Defer(func() {})
		s.Cancel(nil)
		synctest.Wait()
		require.Equal(t, []string{"s/child cleanup"}, kindsOf(s))
		close(hold)
		<-s.Ended()
	})
}

// The goroutine of a timer that fires at the cut-off finds its scope dead: what
// it was to call must not be called, and the teardown waits until it has seen
// that.
func TestATimerThatFiredTooLateCallsNothing(t *testing.T) {
	s := New("s", Config{})
	fired := make(chan bool)
	tm := &timer{s: s, f: func() { t.Error("called after the cut-off") }}
	tm.timer = time.AfterFunc(0, func() { close(fired) })
	require.True(t, s.Attach(&tm.node, tm, nil))
	<-fired // and in the place of tm.fire waits for the scope's mutex
	s.Cancel(nil)
	require.False(t, s.Over(), "its goroutine is on the way")
	require.Equal(t, []string{"s timer"}, kindsOf(s))
	require.False(t, tm.stop(), "it can't be stopped any more")
	tm.fire()
	<-s.Ended()
	require.Empty(t, kindsOf(s))
}

// collected reports whether the collector takes what p points to.
func collected[T any](p weak.Pointer[T]) bool {
	for range 20 {
		if p.Value() == nil {
			return true
		}
		runtime.GC()
	}
	return false
}

// holding returns a closure, and a witness of what it holds.
func holding() (f func(), w weak.Pointer[[64]byte]) {
	v := new([64]byte)
	return func() { v[0]++ }, weak.Make(v)
}

func TestATimersClosureIsGarbageAtTheCutOff(t *testing.T) {
	s := New("s", Config{})
	f, w := holding()
	stop := s.AfterFunc(time.Hour, f)
	require.NoError(t, s.Destroy())
	require.True(t, collected(w), "a closure that will never run is held")
	require.False(t, stop())
}

func TestACleanupsClosureIsGarbageWhenItHasRun(t *testing.T) {
	s := New("s", Config{})
	f, w := holding()
	s.Defer(func() {
		require.True(t, collected(w), "a closure that has run is held while the next cleanup runs")
	})
	stop := s.Defer(f)
	require.NoError(t, s.Destroy())
	require.False(t, stop())
}

// A counted context counts the functions that are to be called when it ends.
type counted struct {
	context.Context
	done chan struct{}
	held int
}

func (c *counted) Done() <-chan struct{} { return c.done }

func (c *counted) AfterFunc(func()) func() bool {
	c.held++
	return func() bool { c.held--; return true }
}

func TestAScopeThatEndsIsUnboundFromItsContext(t *testing.T) {
	ctx := &counted{Context: context.Background(), done: make(chan struct{})}
	s := New("s", Config{})
	s.Bind(ctx)
	require.Equal(t, 1, ctx.held)
	require.NoError(t, s.Destroy())
	require.Zero(t, ctx.held)
	s.Bind(ctx)
	require.Zero(t, ctx.held, "a dead scope is bound to nothing")
}

func TestTheCauseIsThatOfTheCutOff(t *testing.T) {
	s := New("s", Config{})
	require.NoError(t, s.Cause())
	cause := errors.New("why")
	s.Cancel(cause)
	s.Cancel(errors.New("another"))
	require.Equal(t, cause, s.Cause())
}

// Who waits for whom is of no interest when the wait is over: an entry that
// stays would let a later teardown see a circle that is none, and one that went
// too early hide one that is.
func TestWait_EachIsForgottenWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := New("a", Config{}), New("b", Config{})
		waiting := func() int {
			b.tree.mu.Lock()
			defer b.tree.mu.Unlock()
			return len(b.down.waits)
		}
		hold := make(chan bool)
		b.Go(func(context.Context) { <-hold })
		ctx, cancel := context.WithCancel(context.Background())
		for i := range 3 {
			a.Go(func(context.Context) {
				if i == 0 {
					b.Destroy()
				} else {
					b.DestroyContext(ctx)
				}
			})
		}
		synctest.Wait()
		require.Equal(t, 3, waiting())
		cancel()
		synctest.Wait()
		require.Equal(t, 1, waiting())
		close(hold)
		synctest.Wait()
		require.Zero(t, waiting())
		require.NoError(t, a.Destroy())
	})
}

// Between the moments at which an owner with nothing to unwind is found so and
// at which it has ended, a Defer must not register what nobody will run.
func TestDefer_OnAnIdleScopeThatEndsRunsAtOnce(t *testing.T) {
	ran := 0
	s := New("s", Config{})
	s.tree.mu.Lock()
	require.Nil(t, s.begin(ErrDestroyed, false))
	s.Defer(func() { ran++ })
	require.Equal(t, 1, ran)
	s.tree.mu.Unlock()

	s = New("s", Config{})
	child := s.NewChild("child", Config{})
	s.tree.mu.Lock()
	td := s.begin(ErrDestroyed, false)
	due := td.dropLocked(destroyer)
	require.Same(t, td, due)
	s.tree.mu.Unlock()
	u := unwinder{t: td, at: child}
	child.mu.Lock()
	child.becomeLocked(unwinding) // as the unwinder does before it looks
	child.mu.Unlock()
	child.Defer(func() { ran++ })
	require.Equal(t, 2, ran)
	u.at = s
	u.run()
	require.True(t, s.Over())
	require.True(t, child.Over())
}

// An error that comes too late for the first Destroy is part of what later ones
// return, however little there was to do for the first.
func TestALateClosersErrorGoesUpToAnOwnerThatWasIdle(t *testing.T) {
	late := errors.New("late")
	s := New("s", Config{})
	require.NoError(t, s.Destroy())
	s.NewChild("child", Config{}).Own(closer(func() error { return late }))
	require.ErrorIs(t, s.Destroy(), late)
}

type closer func() error

func (f closer) Close() error { return f() }

// Cancel calls no user code on the caller, so interrupts run on another
// goroutine; but what the caller may rely on has happened when Cancel returns.
func TestCancelEndsTheContextBeforeItReturnsThoughInterruptsRunElsewhere(t *testing.T) {
	for range 100 {
		s := New("s", Config{})
		s.Interrupt(func() {})
		ctx := s.Context()
		s.Cancel(nil)
		require.Error(t, ctx.Err())
		<-s.Ended()
	}
}

// The end of a cancelled child may be the last thing that an ancestor waits for. Then the
// ancestor's cleanups were run by Cancel, on its caller, under whatever lock that has.
func TestCancel_RunsNoCleanupOfAnAncestorOnItsCaller(t *testing.T) {
	a := New("a", Config{})
	x := a.NewChild("x", Config{})
	x.NewChild("y", Config{})
	var ran uint64
	a.Defer(func() { ran = goroutine.ID() })
	cancelled := x.beginAsync(nil, nil) // Cancel of x, up to its last step
	a.tree.mu.Lock()
	destroyed := a.begin(ErrDestroyed, false) // Destroy of a, in a handler: it does not wait
	require.Nil(t, destroyed.dropLocked(destroyer))
	a.tree.mu.Unlock()
	cancelled.release()
	<-a.Ended()
	require.NotZero(t, ran)
	require.NotEqual(t, goroutine.ID(), ran)
}

// Teardowns that come due one by the other must not stand on each other's shoulders.
func TestUnwind_OfAChainOfPendingTeardownsTakesABoundedStack(t *testing.T) {
	const n = 20000
	root := New("root", Config{})
	all := []*Scope{root}
	depth, deepest := 0, 0
	for range n {
		s := all[len(all)-1].NewChild("x", Config{})
		s.Defer(func() {
			depth = runtime.Callers(0, make([]uintptr, 1000))
			deepest = max(deepest, depth)
		})
		all = append(all, s)
	}
	leaf := all[n]
	require.True(t, leaf.Enter())
	for i := range all {
		s := all[n-i]
		s.tree.mu.Lock()
		require.Nil(t, s.begin(ErrDestroyed, false).dropLocked(lastOut))
		s.tree.mu.Unlock()
	}
	leaf.Leave()
	require.True(t, root.Over())
	require.NotZero(t, deepest)
	require.Less(t, deepest, 100)
}
