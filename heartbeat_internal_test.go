package tether

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// All who were connected when a beat was taken off the grid may leave before it is delivered, while
// others come. Nobody gets the tick then. Its time was missing in the next Delta.
func TestHeartbeat_ATickThatNobodyGetsIsPartOfTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner := NewOwner("owner")
		defer owner.Destroy()
		h := NewHeartbeat(owner, time.Second)
		first := h.Connect(owner, func(Tick) {})
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		h.mu.Lock()
		h.busy = true // the beat at two seconds is left to this goroutine
		h.mu.Unlock()
		time.Sleep(time.Second)

		h.mu.Lock()
		active, b := h.active, batch{last: h.signal.list.Seq()}
		h.takeLocked(&b, time.Now())
		h.mu.Unlock()
		var ticks []Tick
		h.Connect(owner, func(k Tick) { ticks = append(ticks, k) })
		first.Disconnect()
		require.False(t, h.deliver(active, &b), "nobody is to get this")
		h.mu.Lock()
		h.busy, h.late = false, false
		h.mu.Unlock()
		h.arm(active)

		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, ticks, 1)
		require.Equal(t, 2*time.Second, ticks[0].Delta)
		require.EqualValues(t, 1, ticks[0].Skipped)
	})
}

// The one receiver left between the look at the connections and the Fire, so nobody got the tick,
// and the next one did not cover it.
func TestHeartbeat_ATickWhoseReceiverLeavesJustBeforeItIsPartOfTheNextOne(t *testing.T) {
	owner := NewOwner("owner")
	defer owner.Destroy()
	h := NewHeartbeat(owner, time.Hour)
	first := h.Connect(owner, func(Tick) { t.Error("a dead handler was called") })

	h.mu.Lock()
	active, b := h.active, batch{last: h.signal.list.Seq()}
	h.takeLocked(&b, h.start.Add(time.Hour))
	h.Connect(owner, func(Tick) { t.Error("a tick of before its Connect") })
	delivered := make(chan bool)
	go func() { delivered <- h.deliver(active, &b) }()
	time.Sleep(20 * time.Millisecond) // it comes as far as to the lock
	first.Disconnect()
	h.mu.Unlock()

	require.False(t, <-delivered)
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Zero(t, h.n, "a tick that nobody got is not counted")
	require.EqualValues(t, 1, h.skipped)
	require.Equal(t, h.start, h.last)
}
