package derive_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/history"
)

// What comes before what, when Switch moves on: the inner source is let go of and what it
// had is cleaned up, then f is called, then the next one is connected to.
func TestSwitch_EndsTheInnerSourceBeforeItCallsTheFunction(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s, in tether.Signal[int]
	var log []string
	c := derive.Switch(&s, func(o *tether.Owner, v int) tether.Source[int] {
		require.Zero(t, in.Len(), "the one before is let go of")
		require.True(t, o.Alive())
		require.Same(t, app, o.Parent())
		log = append(log, "f")
		o.Defer(func() { log = append(log, "cleaned up") })
		return &in
	}).Connect(app, func(v int) { log = append(log, "value") })
	s.Fire(1)
	in.Fire(1)
	s.Fire(2)
	require.Equal(t, []string{"f", "value", "cleaned up", "f"}, log)
	require.Equal(t, 2, app.Stats().Owners)
	c.Disconnect()
	require.Zero(t, in.Len())
	require.Zero(t, s.Len())
	waitFor(t, func() bool { return app.Stats() == tether.Stats{Owners: 1} })
	require.Len(t, log, 5)
}

// A handler of the inner source's own value moves Switch on; what o has running is cut off,
// not waited for, and what it fires after that goes nowhere.
func TestSwitch_MovesOnInsideAHandlerOfItsOwn(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s, in tether.Signal[int]
	var got []int
	calls := 0
	derive.Switch(&s, func(o *tether.Owner, v int) tether.Source[int] {
		calls++
		return derive.Map(&in, func(u int) int { return 10*v + u })
	}).Connect(app, func(v int) {
		got = append(got, v)
		if v == 11 {
			s.Fire(2)  // comes after this
			in.Fire(3) // comes after that: of the old one, so it is dropped
		}
	})
	s.Fire(1)
	in.Fire(1)
	require.Equal(t, []int{11}, got)
	require.Equal(t, 2, calls)
	in.Fire(4)
	require.Equal(t, []int{11, 24}, got)
	require.Equal(t, 1, in.Len())
	require.Equal(t, 2, app.Stats().Owners)
}

// The inner source gives a value while it is connected, and that moves Switch on: elsewhere
// the old one then stays subscribed.
func TestSwitch_MovesOnWhileItConnects(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s, in, other tether.Signal[int]
	sticky := history.Record(app, &in, 1)
	in.Fire(7)
	var got []int
	derive.Switch(&s, func(_ *tether.Owner, v int) tether.Source[int] {
		if v == 1 {
			return sticky
		}
		return &other
	}).Connect(app, func(v int) {
		got = append(got, v)
		if v == 7 {
			s.Fire(2)
		}
	})
	s.Fire(1)
	in.Fire(8)
	other.Fire(9)
	require.Equal(t, []int{7, 9}, got)
	require.Equal(t, 1, other.Len())
}

// Values of an inner source that are left to a goroutine which then moves on.
func TestSwitch_DropsWhatComesOfAnOldInnerSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var s, one, two tether.Signal[int]
		inners := []*tether.Signal[int]{&one, &two}
		gate := make(chan bool)
		var got []int
		derive.Switch(&s, func(_ *tether.Owner, v int) tether.Source[int] { return inners[v] }).Connect(app, func(v int) {
			if v == 0 {
				<-gate
			}
			got = append(got, v)
		})
		s.Fire(0)
		go one.Fire(0) // is in the handler
		synctest.Wait()
		one.Fire(1) // before the next
		s.Fire(1)   // left to that one
		one.Fire(2) // after it
		close(gate)
		synctest.Wait()
		two.Fire(3)
		require.Equal(t, []int{0, 1, 3}, got)
	})
}

func TestSwitch_AFunctionThatPanicsLeavesNothing(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s, in tether.Signal[int]
	var got []int
	var first *tether.Owner
	c := derive.Switch(&s, func(o *tether.Owner, v int) tether.Source[int] {
		switch v {
		case 0:
			first = o
			panic("no")
		case 1:
			return nil
		}
		return &in
	}).Connect(app, func(v int) { got = append(got, v) })
	require.PanicsWithValue(t, "no", func() { s.Fire(0) })
	require.False(t, first.Alive())
	require.PanicsWithValue(t, "derive: Switch whose function returned nil", func() { s.Fire(1) })
	<-first.Ended()
	waitFor(t, func() bool { return app.Stats() == tether.Stats{Owners: 1, Connections: 2} })
	s.Fire(2)
	in.Fire(5)
	require.Equal(t, []int{5}, got)
	require.True(t, c.Connected())
}

// Its owner ends with the inner source, not only when the next comes.
func TestSwitch_EndsTheOwnerOfAnInnerSourceThatHasEnded(t *testing.T) {
	app, src := tether.NewOwner("app"), tether.NewOwner("src")
	defer app.Destroy()
	var s tether.Signal[int]
	in := tether.NewSignal[int](src)
	cause := errors.New("")
	derive.Switch(&s, func(o *tether.Owner, v int) tether.Source[int] {
		o.Defer(func() { cause = nil })
		return in
	}).Connect(app, func(int) {})
	s.Fire(1)
	require.Equal(t, 2, app.Stats().Owners)
	src.Destroy()
	waitFor(t, func() bool { return app.Stats() == tether.Stats{Owners: 1, Connections: 2} })
	require.NoError(t, cause)
}

// An inner source that can't be connected to leaves nothing, and Switch goes on.
func TestSwitch_AnInnerSourceThatPanicsWhenItBecomesActiveLeavesNothing(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s, in tether.Signal[int]
	bad := tether.NewSignal[int](app, tether.WhileActive(func(*tether.Owner) { panic("not now") }))
	var got []int
	derive.Switch(&s, func(_ *tether.Owner, v int) tether.Source[int] {
		if v == 0 {
			return bad
		}
		return &in
	}).Connect(app, func(v int) { got = append(got, v) })
	require.PanicsWithValue(t, "not now", func() { s.Fire(0) })
	require.Zero(t, bad.Len())
	s.Fire(1)
	in.Fire(5)
	require.Equal(t, []int{5}, got)
}

type failing struct{ err error }

func (f failing) Close() error { return f.err }

// What a closer of o returns is told to who destroys the subscriber's owner, however o has
// ended; of those that were there before, the first ones are.
func TestSwitch_ErrorsOfInnerOwnersAreThoseOfTheSubscribersOwner(t *testing.T) {
	boom := errors.New("boom")
	for name, end := range map[string]func(s *tether.Signal[int], src *tether.Owner, c *tether.Connection){
		"moves on":         func(s *tether.Signal[int], _ *tether.Owner, _ *tether.Connection) { s.Fire(0) },
		"the source ends":  func(_ *tether.Signal[int], src *tether.Owner, _ *tether.Connection) { src.Destroy() },
		"the subscription": func(_ *tether.Signal[int], _ *tether.Owner, c *tether.Connection) { c.Disconnect() },
		"the owner":        func(*tether.Signal[int], *tether.Owner, *tether.Connection) {},
	} {
		synctest.Test(t, func(t *testing.T) {
			app, src := tether.NewOwner("app"), tether.NewOwner("src")
			defer src.Destroy()
			sub := app.NewChild("sub")
			var s tether.Signal[int]
			in := tether.NewSignal[int](src)
			c := derive.Switch(&s, func(o *tether.Owner, v int) tether.Source[int] {
				if v > 0 {
					tether.Own(o, failing{fmt.Errorf("%d: %w", v, boom)})
				}
				return in
			}).Connect(sub, func(int) {})
			s.Fire(1)
			end(&s, src, c)
			synctest.Wait()
			require.EqualError(t, sub.Destroy(), "1: boom", name)
			require.NoError(t, app.Destroy(), "only who ends with it is a part of it")
		})
	}
	app := tether.NewOwner("app")
	var s, in tether.Signal[int]
	derive.Switch(&s, func(o *tether.Owner, v int) tether.Source[int] {
		tether.Own(o, failing{fmt.Errorf("%d: %w", v, boom)})
		return &in
	}).Connect(app, func(int) {})
	for v := range 100 {
		s.Fire(v)
	}
	err := app.Destroy()
	require.ErrorIs(t, err, boom)
	require.Contains(t, err.Error(), "90 more", "ten are told, seventeen kept, the last one among them")
	require.Len(t, err.(interface{ Unwrap() []error }).Unwrap(), 17)
}

// What the inner source leaves behind ends the subscription while Switch moves on: the next
// one is not even made.
func TestSwitch_ACleanupThatEndsTheSubscription(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s, in tether.Signal[int]
	var c *tether.Connection
	calls := 0
	c = derive.Switch(&s, func(o *tether.Owner, _ int) tether.Source[int] {
		calls++
		o.Defer(func() { c.Disconnect() })
		return &in
	}).Connect(app, func(int) {})
	s.Fire(1)
	s.Fire(2)
	require.Equal(t, 1, calls)
	require.Zero(t, s.Len())
	require.Zero(t, in.Len())
	waitFor(t, func() bool { return app.Stats() == tether.Stats{Owners: 1} })
}

// The new source was not asked for, so its subscriber was left with nothing until the next
// value came.
func TestSwitch_MovesOnThoughACleanupPanics(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var pick tether.Signal[int]
	var values [3]tether.Signal[string]
	var got []string
	derive.Switch(&pick, func(o *tether.Owner, i int) tether.Source[string] {
		if i == 0 {
			o.Defer(func() { panic("boom") })
		}
		return &values[i]
	}).Connect(app, func(v string) { got = append(got, v) })
	pick.Fire(0)
	require.PanicsWithValue(t, "boom", func() { pick.Fire(1) })
	for i := range values {
		values[i].Fire(fmt.Sprint(i))
	}
	require.Equal(t, []string{"1"}, got)
}

// The function of an inner source is not called for what waits in it when Switch moves on.
func TestSwitch_CallsNoFunctionOfAnInnerSourceThatItHasLeft(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var pick, in tether.Signal[int]
	var called []int
	derive.Switch(&pick, func(_ *tether.Owner, v int) tether.Source[int] {
		if v == 2 {
			return new(tether.Signal[int])
		}
		return derive.Scan(&in, 0, func(_, u int) int {
			called = append(called, u)
			in.Fire(u + 1) // waits in Scan
			pick.Fire(2)
			return u
		})
	}).Connect(app, func(int) { t.Error("a value of the old one") })
	pick.Fire(1)
	in.Fire(10)
	require.Equal(t, []int{10}, called)
}
