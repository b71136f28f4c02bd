// Package pool lends out things that are costly to make, and every loan has an
// owner: what somebody forgets to give back comes back when the owner ends.
//
//	buffers := pool.New(app, newBuffer, pool.Limit(8), pool.Reset((*bytes.Buffer).Reset))
//
//	lease, err := buffers.Acquire(ctx, session) // waits while 8 are out
//	if err != nil {
//		return err
//	}
//	defer lease.Release()
//	lease.Value().WriteString("hello")
//
// # Ownership
//
//   - A [Lease] ends by [Lease.Release], by [Lease.Discard] or when the owner that
//     acquired it unwinds, whichever is first, and exactly once. At the unwinding
//     everything that ran in that owner has returned, so nothing of it still uses
//     the item. Cleanups that were registered after the Acquire run before, and
//     may use it.
//   - A lease that ended is of no use for ever: Value panics. It is never reused,
//     so a stale one can't reach what somebody else has by now. It leaves no trace
//     in the owner that acquired it. (What was kept of the item itself, beyond the
//     lease, no pool can take back.)
//   - A pool ends with its owner. From the cut-off on Acquire fails; at the
//     unwinding the idle items are disposed of, and those on loan when they come
//     back, by whoever gives them back. Destroy does not wait for them, unless they
//     are on loan to owners below.
//   - The pool's functions live as long as its owner. One that captures the root
//     owner keeps the collector from finding out that this was lost.
//
// # Ordering and concurrency
//
//   - All functions and methods may be called by any goroutine, and inside handlers
//     and cleanups. No lock is held while the pool's functions run. They run on the
//     goroutine that acquires or gives back.
//   - Acquires that wait are served first in, first out. One that comes later waits
//     behind them.
//     An item that comes to one whose wait has just ended goes on to the next.
//   - The item that came back last is lent out first.
//   - Release synchronizes before the return of the Acquire that gets the item next.
//   - An Acquire that waits inside a handler holds up the firer, as every handler
//     that blocks does. It does not hold up the Destroy of the owner it acquires
//     for: the cut-off ends the wait.
//   - Inside a cleanup, closer or interrupt Acquire never waits, and returns
//     [tether.ErrPending] where it would: nobody could see that it waits for what
//     the same unwinding has yet to give back. A goroutine that a cleanup starts
//     and waits for does wait; give it a context that ends.
//
// # Panics and errors
//
// Items and slots of the limit survive an error, a panic and a Goexit in any of
// the pool's functions. An item that could not be reset is disposed of. One that
// could not be disposed of is gone, and its slot is free. A panic goes on to
// whoever called: Acquire, Release, or who unwinds the owner.
//
// # When to use something else
//
//   - [sync.Pool] for short-lived memory, such as buffers, on hot paths: it has no
//     lock, no limit and no owners, and may drop what it likes. It is many times
//     faster.
//   - github.com/jackc/puddle for connections: it has contexts for construction,
//     idle times, and health checks by way of the items that are idle.
//   - golang.org/x/sync/semaphore, or a channel, if only the number of users is to
//     be limited.
//
// # Costs
//
// Acquire and Release together take two mutexes a few times and four small
// allocations, most of them for the cleanup in the acquiring owner. The pool has
// no goroutine. All waits are on channels of the call's own, durable in
// [testing/synctest] bubbles.
package pool
