package tether_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// A DestroyContext that gives up drops the rest, but not the call that runs.
func TestFinish_DestroyContextThatGivesUpDropsTheRest(t *testing.T) {
	for _, of := range []string{"conns", "queues", "root"} {
		for _, relation := range relations {
			for _, begun := range []bool{false, true} {
				testkit.Bubble(t, fmt.Sprintf("of %s, %s, begun=%v", of, relation, begun), func(t *testing.T) {
					f := newFinishing(relation, tether.Block, 10)
					f.fire(4)
					o := map[string]*tether.Owner{"conns": f.conns, "queues": f.queues, "root": f.root}[of]
					if begun {
						go o.Destroy()
						synctest.Wait()
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					err := o.DestroyContext(ctx)
					var pending *tether.PendingError
					require.ErrorAs(t, err, &pending)
					kinds := map[string]int{}
					owners := map[string]bool{}
					for _, r := range pending.Running {
						kinds[r.Kind]++
						if r.Kind == "queue" {
							assert.False(t, owners[r.Owner], "%s twice", r.Owner)
							owners[r.Owner] = true
						}
						assert.Contains(t, r.Func, "finishing).handle", "%s of %s", r.Kind, r.Owner)
					}
					want := map[string]bool{}
					for _, p := range []*tether.Owner{f.conns, f.queues} {
						if !p.Alive() {
							want[p.String()] = true
						}
					}
					assert.Equal(t, want, owners)
					assert.Equal(t, 1, kinds["handler"], "%v", pending)
					assert.Len(t, kinds, 2)
					assert.EqualValues(t, 3, f.q.Dropped())
					assert.Zero(t, f.q.Len())
					close(f.gate)
					synctest.Wait()
					assert.True(t, ended(o))
					assert.Equal(t, []string{"0"}, f.handled())
					assert.EqualValues(t, 3, f.q.Dropped())
					require.NoError(t, f.root.Destroy())
				})
			}
		}
	}
}

// An owner whose values were dropped is let go at once, though the queue is busy with a
// handler of another owner; and its cleanups, which may block, are not run by the one who
// has given up.
func TestFinish_GivingUpLetsGoOfOwnersBehindAnothersHandler(t *testing.T) {
	for _, of := range []string{"conns", "queues", "root"} {
		testkit.Bubble(t, of, func(t *testing.T) {
			f := newFinishing("siblings", tether.Block, 10)
			others := tether.NewOwner("others")
			var s, inside tether.Signal[int]
			s.Connect(others, func(int) { <-f.gate }, tether.On(f.q))
			s.Fire(0)
			synctest.Wait()
			f.s.Fire(1)
			f.s.Fire(2)
			leave := make(chan struct{})
			f.conns.Defer(func() { <-leave })
			inside.Connect(others, func(int) { assert.ErrorIs(t, f.conns.Destroy(), tether.ErrPending) })
			inside.Fire(0) // nobody waits for its end
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			o := map[string]*tether.Owner{"conns": f.conns, "queues": f.queues, "root": f.root}[of]
			require.ErrorIs(t, o.DestroyContext(ctx), tether.ErrPending)
			require.EqualValues(t, 2, f.q.Dropped())
			require.False(t, ended(f.conns))
			close(leave)
			synctest.Wait()
			require.True(t, ended(f.conns), "while the handler of another owner runs")
			close(f.gate)
			synctest.Wait()
			require.Empty(t, f.handled())
			require.NoError(t, f.root.Destroy())
			require.NoError(t, others.Destroy())
		})
	}
}

func TestFinish_RunWhoseGraceIsOverDropsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var q *tether.Queue
		handled := 0
		err := tether.Run(t.Context(), "app", func(app *tether.Owner) error {
			var s tether.Signal[int]
			q = tether.NewQueue(app, 10, tether.Block, tether.Finish())
			s.Connect(app, func(int) { <-gate; handled++ }, tether.On(q))
			for v := range 3 {
				s.Fire(v)
			}
			synctest.Wait()
			return nil
		}, tether.WithGrace(time.Second))
		require.ErrorIs(t, err, tether.ErrPending)
		require.EqualValues(t, 2, q.Dropped())
		close(gate)
		synctest.Wait()
		require.Equal(t, 1, handled)
	})
}

func TestFinish_DestroyContextInTimeDropsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFinishing("one owner", tether.Block, 10)
		f.fire(4)
		time.AfterFunc(time.Second, func() { close(f.gate) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, f.root.DestroyContext(ctx))
		require.Equal(t, []string{"0", "1", "2", "3"}, f.handled())
		require.Zero(t, f.q.Dropped())
	})
}

// Giving up on a staged owner cuts off all that is left, and drops what is pending there.
func TestFinish_GivingUpOnAStagedOwnerDropsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app", tether.Staged())
		var s tether.Signal[int]
		gate := make(chan struct{})
		var queues []*tether.Queue
		for _, name := range []string{"old", "young"} {
			child := app.NewChild(name)
			q := tether.NewQueue(child, 10, tether.Block, tether.Finish())
			s.Connect(child, func(int) { <-gate }, tether.On(q))
			queues = append(queues, q)
		}
		for v := range 3 {
			s.Fire(v)
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var pending *tether.PendingError
		require.ErrorAs(t, app.DestroyContext(ctx), &pending)
		kinds := map[string]int{}
		for _, r := range pending.Running {
			kinds[r.Kind]++
		}
		require.Equal(t, map[string]int{"queue": 2, "handler": 2}, kinds)
		for _, q := range queues {
			require.EqualValues(t, 2, q.Dropped())
		}
		close(gate)
		synctest.Wait()
		require.True(t, ended(app))
	})
}

// Who drops another owner's last value, by a Fire, has nothing to do with that owner, and may
// hold a lock that its cleanups take: so they run elsewhere.
func TestFinish_ADropRunsNoCleanupsInsideTheFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFinishing("siblings", tether.DropOldest, 1)
		lock := make(chan struct{}, 1) // a lock that a bubble can wait for
		f.conns.Defer(func() {
			lock <- struct{}{}
			<-lock
		})
		other := f.root.NewChild("other")
		var s, inside tether.Signal[int]
		s.Connect(other, func(int) { <-f.gate }, tether.On(f.q))
		s.Fire(0)
		synctest.Wait()
		f.s.Fire(1)
		inside.Connect(other, func(int) { assert.ErrorIs(t, f.conns.Destroy(), tether.ErrPending) })
		inside.Fire(0) // nobody waits for its end
		lock <- struct{}{}
		s.Fire(1)
		require.EqualValues(t, 1, f.q.Dropped())
		<-lock
		synctest.Wait()
		require.True(t, ended(f.conns))
		close(f.gate)
		require.NoError(t, f.root.Destroy())
	})
}

func TestFinish_FlushWaitsForWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFinishing("siblings", tether.Block, 10)
		f.fire(3)
		go f.queues.Destroy()
		synctest.Wait()
		require.Equal(t, 2, f.q.Len())
		over := background(func() { assert.NoError(t, f.q.Flush(t.Context())) })
		synctest.Wait()
		require.False(t, over())
		close(f.gate)
		synctest.Wait()
		require.True(t, over())
		require.NoError(t, f.root.Destroy())
	})
}

func TestFinish_FlushIsLetGoByADrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFinishing("siblings", tether.Block, 10)
		f.fire(3)
		over := background(func() { assert.NoError(t, f.q.Flush(t.Context())) })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, f.root.DestroyContext(ctx))
		close(f.gate)
		synctest.Wait()
		require.True(t, over())
	})
}

// A Fire of another owner's stayed held, though what was dropped had made room, until some
// further value was taken out: here never.
func TestFinish_GivingUpMakesRoomForThoseWhoAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFinishing("siblings", tether.Block, 1)
		others := tether.NewOwner("others")
		var s, held tether.Signal[int]
		s.Connect(others, func(int) { <-f.gate }, tether.On(f.q))
		got := 0
		held.Connect(others, func(v int) { got = v }, tether.On(f.q))
		s.Fire(0)
		synctest.Wait()
		f.s.Fire(1)
		done := make(chan struct{})
		go func() {
			held.Fire(2)
			close(done)
		}()
		go f.conns.Destroy()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, f.conns.DestroyContext(ctx), tether.ErrPending)
		require.EqualValues(t, 1, f.q.Dropped())
		synctest.Wait()
		select {
		case <-done:
		default:
			t.Error("still held")
		}
		close(f.gate)
		synctest.Wait()
		require.Equal(t, 2, got)
		require.NoError(t, f.root.Destroy())
		require.NoError(t, others.Destroy())
	})
}
