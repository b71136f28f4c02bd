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
//   - Value of a lease that has ended panics. A lease is never reused, so an old one
//     can't reach an item that somebody else has by now. It leaves no trace in the
//     owner that acquired it. A program that keeps the item itself beyond the end of the
//     lease still has it: no pool can take that back.
//   - A pool ends with its owner. From the cut-off on, Acquire fails. At the unwinding
//     the pool disposes of the idle items. An item on loan is disposed of when it comes
//     back, on the goroutine that gives it back. Destroy does not wait for such items,
//     unless they are on loan to owners below the pool's.
//   - The pool's functions live as long as its owner. A function that captures a root
//     owner keeps the collector from finding out that nobody destroyed it.
//
// # Ordering and concurrency
//
//   - All functions and methods may be called by any goroutine, and inside handlers
//     and cleanups. No lock is held while the pool's functions run. They run on the
//     goroutine that acquires or gives back.
//   - Acquires that wait are served first in, first out. An Acquire that comes later
//     waits behind them. If the wait of the first has just ended, its item goes to the
//     next.
//   - The item that came back last is lent out first.
//   - Release synchronizes before the return of the Acquire that gets the item next.
//   - An Acquire that waits inside a handler blocks the goroutine that called Fire, as
//     every handler that blocks does. It does not hold up the Destroy of the owner that
//     it acquires for: the cut-off ends the wait.
//   - Inside a cleanup, closer or interrupt, Acquire never waits. If it would have to, it
//     returns [tether.ErrPending]: the item may be one that the same unwinding has yet to
//     give back. Acquire does wait in a goroutine that a cleanup starts. Give that a
//     context that ends.
//
// # Panics and errors
//
// Items and slots of the limit survive an error, a panic and a Goexit in any of
// the pool's functions. An item that could not be reset is disposed of. One that
// could not be disposed of is gone, and its slot is free. A panic goes on to the
// goroutine that called Acquire or Release, or that unwinds the owner.
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
