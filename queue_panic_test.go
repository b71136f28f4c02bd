package tether_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestQueue_GoexitInAHandlerEndsThatCallOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 10, tether.Block)
		var s tether.Signal[int]
		var handled, others journal[int]
		s.Connect(app, func(v int) {
			handled.add(v)
			if v%2 == 0 {
				runtime.Goexit()
			}
		}, tether.On(q))
		s.Connect(app, others.add, tether.On(q))
		release := holdQueue(q)
		for i := range 5 {
			s.Fire(i)
		}
		go release()
		require.NoError(t, q.Flush(t.Context()))
		assert.Equal(t, []int{0, 1, 2, 3, 4}, handled.all())
		assert.Equal(t, []int{0, 1, 2, 3, 4}, others.all())
		synctest.Wait()
		assertGoroutines(t, 0, "after the Goexits")
		s.Fire(6)
		synctest.Wait()
		s.Fire(7)
		synctest.Wait()
		assert.Equal(t, []int{0, 1, 2, 3, 4, 6, 7}, handled.all())
		assert.Zero(t, q.Dropped())
		require.NoError(t, app.Destroy())
	})
}

// After a Goexit another goroutine goes on, and counts like the first: the queue's owner,
// which is not that of the connection, waits for what it handles.
func TestQueue_AfterAGoexitItsOwnerWaitsForTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner, other := tether.NewOwner("owner"), tether.NewOwner("other")
		q := tether.NewQueue(owner, 8, tether.Block)
		var s tether.Signal[int]
		hold := make(chan bool)
		s.Connect(other, func(v int) {
			if v < 3 {
				runtime.Goexit()
			}
			<-hold
		}, tether.On(q))
		for v := range 4 {
			s.Fire(v)
		}
		synctest.Wait()
		destroyed := false
		go func() {
			assert.NoError(t, owner.Destroy())
			destroyed = true
		}()
		synctest.Wait()
		require.False(t, destroyed, "a handler of the queue runs")
		close(hold)
		synctest.Wait()
		require.True(t, destroyed)
		require.NoError(t, other.Destroy())
	})
}

func TestQueue_ASupervisedPanicInAHandlerIsReportedAndItGoesOn(t *testing.T) {
	boom := errors.New("boom")
	for _, manual := range []bool{false, true} {
		testkit.Bubble(t, fmt.Sprintf("manual=%v", manual), func(t *testing.T) {
			keeper := tether.NewOwner("keeper")
			defer keeper.Destroy()
			var reports journal[*tether.PanicError]
			app := tether.NewOwner("app", tether.WithPanicHandler(reports.add))
			defer app.Destroy()
			child := app.NewChild("child")
			var opts []tether.QueueOption
			if manual {
				opts = append(opts, tether.Manual())
			}
			q := tether.NewQueue(keeper, 10, tether.Block, opts...)
			var s tether.Signal[int]
			var handled journal[int]
			s.Connect(child, func(v int) {
				handled.add(v)
				if v == 2 {
					panic(boom)
				}
			}, tether.On(q))
			for i := range 4 {
				s.Fire(i)
			}
			if manual {
				assert.Equal(t, 4, q.Drain(), "calls, the one that panicked included")
			}
			require.NoError(t, q.Flush(t.Context()))
			assert.Equal(t, []int{0, 1, 2, 3}, handled.all())
			assert.Zero(t, q.Dropped())
			if got := reports.all(); assert.Len(t, got, 1, "reports") {
				assert.Equal(t, boom, got[0].Value)
				assert.ErrorIs(t, got[0], boom)
				assert.Equal(t, "app/child", got[0].Owner)
				assert.Contains(t, got[0].Func, "queue_panic_test.go")
				assert.Contains(t, string(got[0].Stack), "queue_panic_test.go")
			}
			assert.NoError(t, child.Destroy())
			assert.NoError(t, keeper.Destroy())
		})
	}
}

func TestQueue_APanicInAHandlerCrashesTheProgram(t *testing.T) {
	out := testkit.Crash(t, func() {
		app := tether.NewOwner("app")
		q := tether.NewQueue(app, 10, tether.Block)
		var s tether.Signal[int]
		s.Connect(app, func(int) { panic("boom in a queue") }, tether.On(q))
		s.Fire(1)
		_ = q.Flush(t.Context())
		_ = app.Destroy()
		select {} // the other goroutine crashes
	})
	assert.Contains(t, out, "panic: boom in a queue")
}
