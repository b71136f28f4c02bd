package tether_test

import (
	"context"
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

func TestHeartbeat_EndedInsideTheFifthTickItHasTickedFiveTimes(t *testing.T) {
	for _, opts := range []struct {
		name string
		late time.Duration // what the 3rd tick takes; under FixedStep the 5th is then inside a batch
		opts []tether.HeartbeatOption
	}{
		{"Plain", 0, nil},
		{"FixedStep", 0, []tether.HeartbeatOption{tether.FixedStep(4)}},
		{"Batch", 6 * beat, []tether.HeartbeatOption{tether.FixedStep(10)}},
	} {
		for _, test := range []struct {
			name string
			end  func(t *testing.T, r *beatRig, owner *tether.Owner, c *tether.Connection)
		}{
			{"Destroy", func(t *testing.T, r *beatRig, _ *tether.Owner, _ *tether.Connection) {
				assert.Equal(t, tether.ErrPending, r.app.Destroy())
			}},
			{"DestroyOfTheConnectionsOwner", func(t *testing.T, _ *beatRig, owner *tether.Owner, _ *tether.Connection) {
				assert.Equal(t, tether.ErrPending, owner.Destroy())
			}},
			{"Cancel", func(_ *testing.T, r *beatRig, _ *tether.Owner, _ *tether.Connection) { r.app.Cancel(nil) }},
			{"CancelOfTheConnectionsOwner", func(_ *testing.T, _ *beatRig, owner *tether.Owner, _ *tether.Connection) { owner.Cancel(nil) }},
			{"Disconnect", func(t *testing.T, _ *beatRig, _ *tether.Owner, c *tether.Connection) {
				assert.True(t, c.Disconnect())
			}},
		} {
			testkit.Bubble(t, opts.name+"/"+test.name, func(t *testing.T) {
				r := newBeatRig(beat, opts.opts...)
				defer r.app.Destroy()
				owner := tether.NewOwner("owner")
				defer owner.Destroy()
				var c atomic.Pointer[tether.Connection]
				c.Store(r.connect(owner, func(tick tether.Tick) {
					switch tick.N {
					case 3:
						time.Sleep(opts.late)
					case 5:
						test.end(t, r, owner, c.Load())
					}
				}))
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				assert.Len(t, r.rows(), 5, "ticks")
				assert.False(t, c.Load().Connected())
				assert.Zero(t, r.h.Len())
				assert.Zero(t, r.app.Stats().Timers)
			})
		}
	}
}

func TestHeartbeat_DestroyWaitsForTheTickThatRuns(t *testing.T) {
	for _, whose := range []string{"Heartbeat", "Connection"} {
		testkit.Bubble(t, whose, func(t *testing.T) {
			r := newBeatRig(beat)
			defer r.app.Destroy()
			owner := tether.NewOwner("owner")
			defer owner.Destroy()
			n := 0 // plain: a handler beside Destroy's return is a race
			r.connect(owner, func(tether.Tick) {
				n++
				time.Sleep(5 * beat)
				n++
			})
			victim := owner
			if whose == "Heartbeat" {
				victim = r.app
			}
			victim.Defer(func() { n += 10 })
			time.Sleep(2 * beat)
			require.NoError(t, victim.Destroy())
			assert.Equal(t, 6*beat, time.Since(r.start), "when Destroy returned")
			assert.Equal(t, 12, n)
			time.Sleep(time.Hour)
			assert.Equal(t, 12, n)
		})
	}
}

func TestHeartbeat_GoexitInATickDoesNotStopIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat)
		defer r.app.Destroy()
		r.connect(r.app, func(tick tether.Tick) {
			if tick.N%2 == 0 {
				runtime.Goexit()
			}
		})
		var second journal[uint64]
		r.h.Connect(r.app, func(tick tether.Tick) { second.add(tick.N) })
		r.at(6 * beat)
		assert.Equal(t, regular(1, 6, 0), r.rows())
		assert.Equal(t, []uint64{1, 2, 3, 4, 5, 6}, second.all(), "the other handler of the tick")
		require.NoError(t, r.app.Destroy())
	})
}

func TestHeartbeat_ASupervisedPanicInATickDoesNotStopIt(t *testing.T) {
	for _, opts := range [][]tether.HeartbeatOption{nil, {tether.FixedStep(10)}} {
		testkit.Bubble(t, fmt.Sprintf("options=%d", len(opts)), func(t *testing.T) {
			r := newBeatRig(beat, opts...)
			defer r.app.Destroy()
			var reports journal[any]
			owner := tether.NewOwner("owner", tether.WithPanicHandler(func(e *tether.PanicError) {
				assert.Equal(t, "owner", e.Owner)
				reports.add(e.Value)
			}))
			defer owner.Destroy()
			r.connect(owner, func(tick tether.Tick) {
				if tick.N%2 == 0 {
					panic(tick.N)
				}
			})
			r.at(5 * beat)
			assert.Equal(t, regular(1, 5, 0), r.rows())
			assert.Equal(t, []any{uint64(2), uint64(4)}, reports.all())
			assert.NoError(t, owner.Destroy())
			assert.NoError(t, r.app.Destroy())
		})
	}
}

func TestHeartbeat_APanicInATickCrashesTheProgram(t *testing.T) {
	out := testkit.Crash(t, func() {
		app := tether.NewOwner("app")
		tether.NewHeartbeat(app, time.Nanosecond).Connect(app, func(tether.Tick) { panic("boom in a tick") })
		<-app.Ended() // the other goroutine crashes
	})
	assert.Contains(t, out, "panic: boom in a tick")
}

func TestHeartbeat_OfADeadOwnerIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat)
		other := tether.NewOwner("other")
		defer other.Destroy()
		c := r.connect(other, nil)
		r.at(2 * beat)
		require.NoError(t, r.app.Destroy())
		assert.False(t, c.Connected(), "the connection of another owner")
		born := tether.NewHeartbeat(r.app, beat)
		for _, h := range []*tether.Heartbeat{r.h, born} {
			assert.False(t, h.Connect(other, r.ticks.add).Connected())
			assert.False(t, h.Once(other, r.ticks.add).Connected())
			assert.Zero(t, h.Len())
			_, err := tether.Wait(context.Background(), h)
			assert.Equal(t, tether.ErrDestroyed, err)
		}
		time.Sleep(time.Hour)
		assert.Equal(t, regular(1, 2, 0), r.rows())
		assert.Zero(t, other.Stats().Connections)

		dead := tether.NewOwner("dead")
		require.NoError(t, dead.Destroy())
		living := tether.NewHeartbeat(other, beat)
		assert.False(t, living.Connect(dead, r.ticks.add).Connected())
		assert.Zero(t, other.Stats().Timers, "timers for a dead connection")
	})
}
