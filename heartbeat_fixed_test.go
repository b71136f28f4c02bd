package tether_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestHeartbeat_FixedStepDeliversWhatIsDueInBatches(t *testing.T) {
	const slow = 2
	for _, test := range []struct {
		maxSteps int
		takes    time.Duration
		want     []row // the next ticks
		dropped  time.Duration
	}{
		{1, beat / 2, regular(3, 2, 2*beat), 0},
		{1, 5 * beat, append([]row{{3, 7 * beat, beat, 4}}, regular(4, 2, 7*beat)...), 4 * beat},
		{3, 5 * beat, append([]row{{3, 7 * beat, beat, 2}, {4, 7 * beat, beat, 0}, {5, 7 * beat, beat, 0}}, regular(6, 1, 7*beat)...), 2 * beat},
		{3, 3 * beat, append([]row{{3, 5 * beat, beat, 0}, {4, 5 * beat, beat, 0}, {5, 5 * beat, beat, 0}}, regular(6, 1, 5*beat)...), 0},
		{8, 3*beat + 1, append([]row{{3, 5*beat + 1, beat, 0}, {4, 5*beat + 1, beat, 0}, {5, 5*beat + 1, beat, 0}}, regular(6, 1, 5*beat)...), 0},
	} {
		testkit.Bubble(t, fmt.Sprintf("maxSteps=%d/takes=%v", test.maxSteps, test.takes), func(t *testing.T) {
			r := newBeatRig(beat, tether.FixedStep(test.maxSteps))
			defer r.app.Destroy()
			r.connect(r.app, func(tick tether.Tick) {
				if tick.N == slow {
					time.Sleep(test.takes)
				}
			})
			r.at(2*beat + test.takes + 5*beat)
			want := append(regular(1, 2, 0), test.want...)
			assert.Equal(t, want, r.rows()[:len(want)])
			assert.Equal(t, test.dropped, r.h.Dropped())
		})
	}
}

// A batch is owed to those who were connected while its time passed.
func TestHeartbeat_FixedStepTheRestOfABatchIsNotForALaterConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat, tether.FixedStep(10))
		defer r.app.Destroy()
		var first atomic.Pointer[tether.Connection]
		var second journal[time.Duration]
		first.Store(r.connect(r.app, func(tick tether.Tick) {
			switch tick.N {
			case 1:
				time.Sleep(5 * beat) // then five are due at once, at 6 beats
			case 3:
				first.Load().Disconnect()
				r.h.Connect(r.app, func(tick tether.Tick) { second.add(tick.Time.Sub(r.start)) })
			}
		}))
		r.at(8*beat + beat/2)
		assert.Len(t, r.rows(), 3, "ticks of the first connection")
		assert.Equal(t, []time.Duration{7 * beat, 8 * beat}, second.all(), "ticks of the second")
	})
}

// The beats of the rest were missing in Skipped.
func TestHeartbeat_FixedStepTheNextTickTellsOfTheRestOfABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat, tether.FixedStep(10))
		defer r.app.Destroy()
		var first atomic.Pointer[tether.Connection]
		var second journal[tether.Tick]
		first.Store(r.connect(r.app, func(tick tether.Tick) {
			switch tick.N {
			case 1:
				time.Sleep(5 * beat) // then five are due at once, at 6 beats
			case 3:
				r.h.Connect(r.app, second.add)
				first.Load().Disconnect()
			}
		}))
		r.at(8*beat + beat/2)
		require.Len(t, second.all(), 2)
		assert.EqualValues(t, 3, second.all()[0].Skipped)
		assert.EqualValues(t, 0, second.all()[1].Skipped)
		assert.Equal(t, 3*beat, r.h.Dropped())
	})
}

// The rest of a batch must not get lost with the goroutine that delivers it.
func TestHeartbeat_FixedStepGoexitInABatchLosesNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat, tether.FixedStep(10))
		defer r.app.Destroy()
		r.connect(r.app, func(tick tether.Tick) {
			switch tick.N {
			case 1:
				time.Sleep(5 * beat) // then five are due at once
			case 3:
				runtime.Goexit() // the second of them
			}
		})
		r.at(10*beat + beat/2)
		var sum time.Duration
		for _, row := range r.rows() {
			sum += row.Delta
		}
		assert.Equal(t, 10*beat, sum+r.h.Dropped(), "sum of Delta and Dropped after ten intervals")
		assert.Len(t, r.rows(), 10, "ticks: %v", r.rows())
	})
}

// A batch of ticks was taken off the grid at once, then delivered one by one. When
// a handler called Goexit, the rest of its batch came neither as ticks nor in
// Dropped, and the simulated world was late for good.
func TestHeartbeat_FixedStepLosesNoTimeByAGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner := tether.NewOwner("owner")
		h := tether.NewHeartbeat(owner, time.Second, tether.FixedStep(10))
		ticks := 0
		var sum time.Duration
		h.Connect(owner, func(k tether.Tick) {
			ticks++
			sum += k.Delta
			switch ticks {
			case 1:
				time.Sleep(4 * time.Second) // the next batch is of four
			case 2, 4:
				runtime.Goexit()
			}
		})
		time.Sleep(10500 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, 10*time.Second, sum+h.Dropped())
		require.Equal(t, 10, ticks)
		require.NoError(t, owner.Destroy())
	})
}
