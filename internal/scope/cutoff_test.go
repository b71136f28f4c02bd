package scope

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// An ancestor that is cut off later must not take an owner back that unwinds: what
// is handed to that is for now, not for a list.
func TestCutoff_AboveAScopeThatUnwindsChangesNothingInIt(t *testing.T) {
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
