package tether

import (
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// Drain handles, on the calling goroutine, the values that are pending when it is called, and
// returns how many calls that made. It is for [Manual] queues, and panics on others.
//
// Concurrent calls take turns. Inside a handler of the same queue, Drain returns 0. A panic
// or Goexit of a handler goes on to the caller of Drain when the other values have been
// handled. If a handler of one queue drains a second queue, and a handler of the second
// drains the first on another goroutine, both wait for ever.
func (q *Queue) Drain() (calls int) {
	q.check("Drain")
	if !q.manual {
		panic("tether: Drain of a Queue that is not Manual")
	}
	if !q.takeTurn() {
		return 0
	}
	yield.Point("drain")
	if !q.scope.EnterRun() {
		q.giveTurn()
		return 0
	}
	defer q.scope.LeaveRun()
	defer func() {
		calls = q.runner.calls
		q.call(q.giveTurn())
	}()
	q.runner.drain()
	return
}

// takeTurn makes the queue busy for the caller, and reports whether there is anything for
// it to do.
func (q *Queue) takeTurn() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for asked := false; q.busy; {
		if !asked { // without the lock, because that takes a microsecond
			asked = true
			q.mu.Unlock()
			inside := goroutine.Spelled(q.number)
			q.mu.Lock()
			if inside {
				q.refused = true
				return false
			}
			continue
		}
		q.turn.Wait()
	}
	q.armed = q.wake != nil // before the look for values
	if q.dead || q.order.len() == 0 {
		q.turn.Signal() // the next in turn, if any
		return false
	}
	q.busy = true
	q.runner.limit, q.runner.calls = q.last, 0
	return true
}

// giveTurn makes the queue idle and wakes the next caller of Drain. It returns the function to
// call if values are left that nobody may come for.
func (q *Queue) giveTurn() (wake func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = false
	q.turn.Signal()
	if !q.refused {
		return nil
	}
	q.refused = false
	if q.order.len() > 0 {
		return q.wake
	}
	q.armed = q.wake != nil
	return nil
}
