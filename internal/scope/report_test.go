package scope

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// kinds returns what is reported to keep s from ending, without the functions.
func kindsOf(s *Scope) (kinds []string) {
	for _, c := range s.Running() {
		kinds = append(kinds, c.Owner+" "+c.Kind)
	}
	return kinds
}

func TestReport_WhatWaitsForItsTimeIsNotInIt(t *testing.T) {
	s := New("s", Config{})
	s.AfterFunc(time.Hour, func() {})
	s.Interrupt(func() {})
	require.Empty(t, kindsOf(s))
	s.Own(closer(func() error { return nil }))
	require.Equal(t, []Call{{"s", "cleanup", "(scope.closer).Close"}}, s.Running())
	require.NoError(t, s.Destroy())
}

func TestReport_WhereNothingRunsTheCleanupsAreInIt(t *testing.T) {
	s := New("s", Config{})
	s.Defer(func() {})
	require.Equal(t, []string{"s cleanup"}, kindsOf(s))
	require.NoError(t, s.Destroy())
	require.Empty(t, kindsOf(s))
}

// A dump of goroutines tells which handlers run, not whose they are: what is not
// certain must be unknown.
func TestReport_NamesHandlersOnlyWhereItIsCertainWhoseTheyAre(t *testing.T) {
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
func TestReport_ACallThatIsOverIsNotInIt(t *testing.T) {
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

// What is no handler must leave the count of handlers alone, before the cut-off
// and after.
func TestReport_NothingButAHandlerIsInItAsOne(t *testing.T) {
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

func TestReport_AnInterruptThatComesLateIsInItWhileItRuns(t *testing.T) {
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

func TestReport_ACleanupThatHasRunIsNotInItWhileAChildUnwinds(t *testing.T) {
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
