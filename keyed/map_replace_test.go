package keyed_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

func TestMap_ReplaceOpensWhenTheEarlierOwnersHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saved, opened := 0, 0
		var loaded []int
		app, m := sessions(t, func(*tether.Owner, string) { opened++; loaded = append(loaded, saved) })
		var holds [2]chan bool
		for i := range holds { // the first was cut off before
			o := m.Get("ann").owner
			holds[i] = busy(o)
			o.Defer(func() { saved++ })
			if i == 0 {
				o.Cancel(nil)
			}
		}
		var replaced *session
		var got [3]*session
		go func() { replaced = m.Replace("ann") }()
		synctest.Wait()
		require.Zero(t, m.Len(), "the old one is cut off")
		for i := range got {
			go func() { got[i] = m.Get("ann") }()
		}
		synctest.Wait()
		require.Equal(t, 2, opened)
		require.Zero(t, m.Len())
		close(holds[1])
		synctest.Wait()
		require.Equal(t, 2, opened, "the first one has not ended")
		require.Nil(t, got[0])
		close(holds[0])
		synctest.Wait()
		require.Equal(t, []int{0, 0, 2}, loaded)
		for _, v := range got {
			require.Same(t, replaced, v, "who came meanwhile has waited")
		}
		require.True(t, replaced.owner.Alive())
		require.Equal(t, 1, m.Entries())
		app.Destroy()
	})
}

func TestMap_ReplaceInsideAHandlerOpensAtOnce(t *testing.T) {
	_, m := sessions(t, nil)
	old := m.Get("ann")
	var said tether.Signal[int]
	var fresh *session
	cleaned := false
	old.owner.Defer(func() { cleaned = true })
	said.Connect(old.owner, func(int) {
		fresh = m.Replace("ann")
		require.False(t, old.owner.Alive())
		require.True(t, fresh.owner.Alive())
		require.False(t, cleaned)
	})
	said.Fire(1)
	require.True(t, cleaned)
	require.Same(t, fresh, m.Get("ann"))
	require.Equal(t, 1, m.Entries())
}

func TestMap_ReplacesThatRaceHaveTheirTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		app, m := sessions(t, func(*tether.Owner, string) { opened++ })
		hold := busy(m.Get("ann").owner)
		got := make([]*session, 4)
		for i := range got {
			go func() { got[i] = m.Replace("ann") }()
		}
		synctest.Wait()
		require.Equal(t, make([]*session, 4), got)
		close(hold)
		synctest.Wait()
		require.Equal(t, 5, opened)
		for i, v := range got {
			require.False(t, slices.Contains(got[:i], v), "two calls return one value")
			require.Equal(t, v == m.Get("ann"), v.owner.Alive())
		}
		require.Equal(t, 1, m.Entries())
		app.Destroy()
	})
}

// Somebody destroys the key when a Replace waits, and so what it would open.
func TestMap_AReplaceWhoseFreshOwnerIsDestroyedMakesAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		app, m := sessions(t, func(o *tether.Owner, _ string) {
			opened++
			require.True(t, o.Alive())
		})
		hold := busy(m.Get("ann").owner)
		var replaced, got *session
		go func() { replaced = m.Replace("ann") }()
		synctest.Wait()
		go func() { got = m.Get("ann") }()
		synctest.Wait()
		go m.Destroy("ann")
		synctest.Wait()
		close(hold)
		synctest.Wait()
		require.NotNil(t, got)
		require.True(t, replaced.owner.Alive())
		require.Same(t, replaced, m.Get("ann"))
		app.Destroy()
	})
}

func TestMap_ReplaceInsideAHandlerDoesNotWaitForTheTurnOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, m := sessions(t, nil)
		old := m.Get("ann")
		var said tether.Signal[int]
		release := make(chan bool)
		var inner *session
		said.Connect(old.owner, func(int) {
			<-release
			inner = m.Replace("ann")
			require.True(t, inner.owner.Alive())
		})
		go said.Fire(1)
		synctest.Wait()
		var outer *session
		go func() { outer = m.Replace("ann") }()
		synctest.Wait()
		close(release)
		synctest.Wait()
		require.NotSame(t, inner, outer)
		require.Same(t, outer, m.Get("ann"))
		require.Equal(t, 1, m.Entries())
		app.Destroy()
	})
}

// The goroutine is one that the Replace waits for.
func TestMap_AGoroutineOfTheEarlierOwnerDoesNotWaitForItsReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said any
		var inner, outer *session
		app, m := sessions(t, nil)
		m.Get("ann").owner.Go(func(ctx context.Context) {
			<-ctx.Done()
			synctest.Wait()
			func() {
				defer func() { said = recover() }()
				m.Get("ann")
			}()
			inner = m.Replace("ann")
		})
		outer = m.Replace("ann")
		require.Equal(t, `keyed: Get of "ann" in a goroutine of its earlier owner, for which a Replace waits`, said)
		require.NotNil(t, inner)
		require.Same(t, outer, m.Get("ann"))
		app.Destroy()
	})
}

// Where the Replace does not wait for it, Get does wait.
func TestMap_AGoroutineOfTheEarlierOwnerWaitsForAReplaceThatDoesNotWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, m := sessions(t, nil)
		hold := busy(m.Get("ann").owner)
		m.Get("ann").owner.Cancel(nil)
		var replaced, got *session
		old := m.Get("ann")
		old.owner.Go(func(context.Context) { replaced = m.Replace("ann") })
		synctest.Wait()
		old.owner.Defer(func() {})
		require.Nil(t, replaced)
		go func() { got = m.Get("ann") }()
		synctest.Wait()
		require.Nil(t, got)
		close(hold)
		synctest.Wait()
		require.NotNil(t, got)
		require.Same(t, replaced, got)
		app.Destroy()
	})
}

func TestMap_ACleanupOfTheEarlierOwnerThatGetsItsKeyIsACircle(t *testing.T) {
	for verb, call := range map[string]func(*keyed.Map[string, *session]){
		"Get":     func(m *keyed.Map[string, *session]) { m.Get("ann") },
		"Replace": func(m *keyed.Map[string, *session]) { m.Replace("ann") },
	} {
		_, m := sessions(t, nil)
		old := m.Get("ann")
		old.owner.Defer(func() { call(m) })
		require.PanicsWithValue(t, `keyed: `+verb+` of "ann" would wait for itself: "ann" needs "ann"`, func() { m.Replace("ann") })
		<-old.owner.Ended()
		require.Zero(t, m.Entries(), "as if there had been no Replace")
		require.True(t, m.Get("ann").owner.Alive())
	}
}

func TestMap_APanicOfACleanupDuringReplaceLetsOthersTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, m := sessions(t, nil)
		old := m.Get("ann").owner
		hold := busy(old)
		old.Defer(func() { panic("ouch") })
		var said any
		go func() {
			defer func() { said = recover() }()
			m.Replace("ann")
		}()
		synctest.Wait()
		var got *session
		go func() { got = m.Get("ann") }()
		synctest.Wait()
		require.Nil(t, got)
		close(hold)
		synctest.Wait()
		require.Equal(t, "ouch", said)
		require.NotNil(t, got)
		require.True(t, got.owner.Alive())
		require.Equal(t, 1, m.Entries())
		app.Destroy()
	})
}

func TestMap_APanicOfOpenInAReplaceGoesToItsCallerAndThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := false
		app, m := sessions(t, func(*tether.Owner, string) {
			if bad {
				panic("ouch")
			}
		})
		hold := busy(m.Get("ann").owner)
		bad = true
		var values [2]any
		for i, call := range []func(string) *session{m.Replace, m.Get} {
			go func() {
				defer func() { values[i] = recover() }()
				call("ann")
			}()
			synctest.Wait()
		}
		close(hold)
		synctest.Wait()
		require.Equal(t, [2]any{"ouch", "ouch"}, values)
		require.Zero(t, m.Entries())
		app.Destroy()
	})
}

// It waits for an owner of before, which was cut off by others: the same.
func TestMap_AGoroutineOfAnEvenEarlierOwnerDoesNotWaitForAReplace(t *testing.T) {
	for _, live := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var said any
			app, m := sessions(t, nil)
			first := m.Get("ann").owner
			release := make(chan bool)
			first.Go(func(context.Context) {
				defer func() { said = recover() }()
				<-release
				m.Get("ann")
			})
			first.Cancel(nil)
			if live {
				m.Get("ann")
			}
			var replaced *session
			go func() { replaced = m.Replace("ann") }()
			synctest.Wait()
			require.Nil(t, replaced)
			close(release)
			synctest.Wait()
			require.Equal(t, `keyed: Get of "ann" in a goroutine of its earlier owner, for which a Replace waits`, said)
			require.Same(t, replaced, m.Get("ann"))
			app.Destroy()
		})
	}
}

func TestMap_AReplaceDoesNotEndWhatAnotherHasYetToOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		app, m := sessions(t, func(*tether.Owner, string) { opened++ })
		hold := busy(m.Get("ann").owner)
		var got [2]*session
		for i := range got {
			go func() { got[i] = m.Replace("ann") }()
			synctest.Wait()
		}
		close(hold)
		synctest.Wait()
		require.NotSame(t, got[0], got[1])
		require.Same(t, got[1], m.Get("ann"), "who came last has it")
		require.Equal(t, 3, opened)
		app.Destroy()
	})
}

func TestMap_APanicOfAnInterruptDuringReplaceLeavesNoTrace(t *testing.T) {
	_, m := sessions(t, nil)
	old := m.Get("ann").owner
	old.Interrupt(func() { panic("ouch") })
	var said tether.Signal[int]
	said.Connect(old, func(int) {
		require.PanicsWithValue(t, "ouch", func() { m.Replace("ann") })
		require.Zero(t, m.Opening())
	})
	said.Fire(1)
	<-old.Ended()
	require.Zero(t, m.Entries())
	require.True(t, m.Get("ann").owner.Alive())
}

// A Replace inside a handler waits for nobody, so what it ends may wait for it.
func TestMap_AGoroutineOfTheEarlierOwnerWaitsForAReplaceInsideAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, n := make(chan bool), 0
		app, m := sessions(t, func(*tether.Owner, string) {
			if n++; n == 2 {
				<-release
			}
		})
		old := m.Get("ann").owner
		var got, replaced *session
		old.Go(func(ctx context.Context) {
			<-ctx.Done()
			time.Sleep(time.Second)
			got = m.Get("ann")
		})
		var said tether.Signal[int]
		said.Connect(app, func(int) { replaced = m.Replace("ann") })
		go said.Fire(1)
		time.Sleep(2 * time.Second)
		require.Nil(t, got)
		close(release)
		synctest.Wait()
		require.NotNil(t, got)
		require.Same(t, replaced, got)
		app.Destroy()
	})
}
