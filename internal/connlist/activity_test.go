package connlist

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/scope"
)

// An activityLog has the scopes that a list's function was called with.
type activityLog struct{ scopes []*scope.Scope }

func watched(t *testing.T, l *List, owner *scope.Scope) *activityLog {
	log := new(activityLog)
	l.WhileActive(func() *scope.Scope { return owner.NewChild("active", scope.Config{}) },
		func(s *scope.Scope) {
			for i, a := range log.scopes {
				require.False(t, a.Alive(), "active %d is alive when active %d begins", i, len(log.scopes))
			}
			log.scopes = append(log.scopes, s)
		})
	return log
}

// One goroutine has ended the last connection, and stands still before it ends
// the activity. Who connects meanwhile must end that first.
func TestActivity_ANewOneEndsTheOneBeforeWhoseEndIsLate(t *testing.T) {
	owner := newScope(t)
	var l List
	log := watched(t, &l, owner)
	c := connect(t, &l, owner, 0, 1)[0]
	done, ok := c.end()
	require.True(t, ok)
	c = connect(t, &l, owner, 0, 1)[0]
	require.Len(t, log.scopes, 2)
	done()
	require.True(t, log.scopes[1].Alive(), "it is not the late one's to end")
	require.True(t, c.Disconnect())
}

// The last disconnect and the next first connect each have a half that comes when
// no lock is held. A disconnect that was late with its half left the first active
// alive; DisconnectAll, ending the second, looked at that one only; and the third
// began beside the first.
func TestActivity_NoTwoOverlapHoweverLateTheirEndIs(t *testing.T) {
	owner := newScope(t)
	var l List
	log := watched(t, &l, owner)
	c0 := connect(t, &l, owner, 0, 1)[0]
	done, ok := c0.end() // one goroutine stops here, in Disconnect
	require.True(t, ok)
	c1 := &Conn{owner: owner, list: &l}
	first, ok := l.enter(c1, Word(func(int) {}), 0, 2) // another one here, in Connect
	require.True(t, ok)
	l.DisconnectAll()           // a third
	connect(t, &l, owner, 0, 1) // a fourth
	require.Len(t, log.scopes, 2)
	require.False(t, log.scopes[0].Alive())
	require.True(t, log.scopes[1].Alive())

	done() // the first two go on
	first.begin()
	require.Len(t, log.scopes, 2, "the one in between was over before it began")
	require.True(t, log.scopes[1].Alive(), "it is not the late ones' to end")
	l.DisconnectAll()
	require.False(t, log.scopes[1].Alive())
}

// A connect that lost the processor between the look at its active owner and the call
// came after the one of the next stretch. So a Heartbeat took the dead grid for the
// new one, and never ticked again.
func TestActivity_TheCallOfAnEndedStretchNeverFollowsThatOfALaterOne(t *testing.T) {
	owner := newScope(t)
	for range 2000 {
		var l List
		var calls atomic.Int32 // that run now
		var last *scope.Scope  // plain: the calls come one after the other
		l.WhileActive(func() *scope.Scope { return owner.NewChild("active", scope.Config{}) },
			func(s *scope.Scope) {
				if calls.Add(1) > 1 {
					t.Error("two calls at once")
				}
				last = s
				runtime.Gosched()
				calls.Add(-1)
			})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for range 3 {
					c := new(Conn)
					l.Connect(c, owner, Word(func(int) {}), 0, false, nil)
					c.Disconnect()
				}
			})
		}
		var stays Conn
		wg.Go(func() { l.Connect(&stays, owner, Word(func(int) {}), 0, false, nil) })
		wg.Wait()
		require.NotNil(t, last)
		require.True(t, last.Alive(), "the last call is that of the stretch of now")
		require.True(t, stays.Disconnect())
		require.False(t, last.Alive())
	}
}

// A connect from within the function, after the end of its own stretch, must not wait
// for that function.
func TestActivity_AStretchThatBeginsInsideTheCallOfAnotherComesAfterIt(t *testing.T) {
	owner := newScope(t)
	var l List
	var order []string
	c := new(Conn)
	n := 0
	l.WhileActive(func() *scope.Scope { return owner.NewChild("active", scope.Config{}) },
		func(s *scope.Scope) {
			n++
			if n == 1 {
				require.True(t, c.Disconnect())
				require.False(t, s.Alive())
				connect(t, &l, owner, 0, 1)
				order = append(order, "first over")
				return
			}
			require.True(t, s.Alive())
			order = append(order, "second")
		})
	require.True(t, l.Connect(c, owner, Word(func(int) {}), 0, false, nil))
	require.Equal(t, []string{"first over", "second"}, order)
	l.DisconnectAll()
}

func TestActivity_AfterAPanicTheNextStretchGetsItsCall(t *testing.T) {
	owner := newScope(t)
	var l List
	n := 0
	l.WhileActive(func() *scope.Scope { return owner.NewChild("active", scope.Config{}) },
		func(*scope.Scope) {
			if n++; n == 1 {
				l.DisconnectAll()
				connect(t, &l, owner, 0, 1)
				panic("first")
			}
		})
	require.PanicsWithValue(t, "first", func() { connect(t, &l, owner, 0, 1) })
	require.Equal(t, 2, n)
	require.Equal(t, 1, l.Len())
	l.DisconnectAll()
	disconnect(t, connect(t, &l, owner, 0, 1))
	require.Equal(t, 3, n)
}

// The last connection may end while the scope is made, which takes a lock or two: that
// stretch is over before its call, and its scope is cut off.
func TestActivity_AStretchThatEndsWhileItsScopeIsMadeIsNotCalled(t *testing.T) {
	owner := newScope(t)
	var l List
	var c Conn
	var made []*scope.Scope
	l.WhileActive(func() *scope.Scope {
		s := owner.NewChild("active", scope.Config{})
		made = append(made, s)
		require.True(t, c.Disconnect())
		return s
	}, func(*scope.Scope) { t.Error("called") })
	require.True(t, l.Connect(&c, owner, Word(func(int) {}), 0, false, nil))
	require.Len(t, made, 1)
	require.False(t, made[0].Alive())
	require.Zero(t, owner.Count().Owners-1, "it is gone")
}

// Who ends the connections of a stretch may come late, when others have begun the next one.
func TestDisconnectStretch_EndsNothingOfALaterOne(t *testing.T) {
	owner := newScope(t)
	var l List
	log := watched(t, &l, owner)
	l.DisconnectStretch(owner) // there is none
	disconnect(t, connect(t, &l, owner, 0, 1))
	later := connect(t, &l, owner, 0, 2)
	l.DisconnectStretch(log.scopes[0])
	require.Equal(t, 2, l.Len())
	l.DisconnectStretch(log.scopes[1])
	require.Zero(t, l.Len())
	require.False(t, later[0].Live())
	require.False(t, log.scopes[1].Alive())
}
