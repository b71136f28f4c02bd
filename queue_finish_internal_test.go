package tether

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// A firer that has found the handler alive and is on its way to the queue when the
// connection ends is too late: the value is counted, and not let in. What a queue that is no
// Finish queue finds too late it has never been given.
func TestFinish_AValueUnderWayAtTheEndIsCounted(t *testing.T) {
	for _, finish := range []bool{false, true} {
		for _, once := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				owner := NewOwner("owner")
				var opts []QueueOption
				if finish {
					opts = append(opts, Finish())
				}
				q := NewQueue(owner, 1, Block, opts...)
				var s Signal[int]
				fetch := func(handler func(int)) (late func(int)) {
					c := wrap(handler)
					enqueue(&s, c, owner, handler, connectConfig{queue: q}, once)
					for m := range q.conns {
						late = m.box.(*mailbox[int]).push
					}
					c.Disconnect()
					return late
				}
				late := fetch(func(int) { t.Error("called") })
				late(1)
				synctest.Wait()
				want := uint64(0)
				if finish {
					want = 1
				}
				require.Equal(t, want, q.Dropped())
				require.Zero(t, q.Len())
				require.NoError(t, owner.Destroy())
				late(1)
				require.Equal(t, 2*want, q.Dropped(), "after the queue's end")
			})
		}
	}
}

// A Once that was muted while it was being spent is spent all the same, and its value is
// handled.
func TestFinish_AOnceThatIsMutedTooLateIsHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner := NewOwner("owner")
		q := NewQueue(owner, 1, Block, Finish())
		var s Signal[int]
		handled := 0
		c := wrap(func(int) { handled++ })
		enqueue(&s, c, owner, func(int) { handled++ }, connectConfig{queue: q}, true)
		var push func(int)
		for m := range q.conns {
			push = m.box.(*mailbox[int]).push
		}
		c.Mute()
		push(1) // the firer had found it alive
		synctest.Wait()
		require.Equal(t, 1, handled)
		require.NoError(t, owner.Destroy())
	})
}
