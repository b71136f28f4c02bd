package scope

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The goroutine of a timer that fires at the cut-off finds its scope dead: what
// it was to call must not be called, and the teardown waits until it has seen
// that.
func TestTimer_OneThatFiredTooLateCallsNothing(t *testing.T) {
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

func TestTimer_ItsClosureIsGarbageAtTheCutOff(t *testing.T) {
	s := New("s", Config{})
	f, w := holding()
	stop := s.AfterFunc(time.Hour, f)
	require.NoError(t, s.Destroy())
	require.True(t, collected(w), "a closure that will never run is held")
	require.False(t, stop())
}
