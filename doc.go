// Package tether provides typed in-process signals, an event bus, in which every
// subscription has an owner.
//
// A [Signal] calls the handlers connected to it. [Signal.Connect] takes an
// [Owner] first, so a subscription that nobody ends does not compile.
// [Owner.Destroy] ends everything that an owner holds: connections, goroutines,
// timers, queues, other owners. It is a barrier: when it returns, nothing of the
// owner runs or ever will, and every cleanup has run. So a test can prove that a
// shutdown leaves nothing behind.
//
//	var joined tether.Signal[string]
//
//	app := tether.NewOwner("app")
//	lobby := app.NewChild("lobby")
//	joined.Connect(lobby, func(name string) { fmt.Println("welcome,", name) })
//	lobby.Defer(func() { fmt.Println("lobby closed") })
//
//	joined.Fire("ann") // welcome, ann
//	app.Destroy()      // lobby closed
//	joined.Fire("bob") // nobody listens any more
//
// # Ownership
//
//   - Everything that can outlive the call which makes it takes an owner: a
//     connection, a child, a goroutine, a timer, a queue, a heartbeat. [Wait] and
//     [Values] are their own owners: they end with the call or the loop.
//   - Owners form trees. A child ends with its parent or before it.
//   - An owner is alive until it is cut off. Then it is draining, then unwinding, then
//     ended. An owner that is not alive is called dead; so is a connection that has
//     ended.
//   - Destroy has three phases. Cut off: in the whole subtree nothing new starts.
//     Drain: what runs returns. Unwind: children and cleanups run, newest first, like
//     deferred calls. A child on which Destroy or Cancel is called meanwhile, by one of its
//     own goroutines for example, is unwound as soon as it has drained, which may be before
//     its newer siblings.
//   - No cleanup of an owner runs while anything in that owner's subtree runs.
//     So a cleanup may close a channel that handlers send on.
//   - A dead owner refuses what would start: Connect returns a dead Connection, Go
//     returns false. It accepts what must not be lost: Interrupt calls its function at
//     once. Defer and Own wait for the unwinding, or act at once if that has begun.
//   - Destroy never waits for itself. Inside a handler, timer function or cleanup
//     it does not wait at all. If something of the target runs, it cuts the target off
//     and returns [ErrPending], and the last function to return completes the teardown.
//   - [OwnBlocking] is for what goroutines of an owner block in: it is closed at the
//     cut-off. [Own] is for what they use until they have returned: it is closed at the
//     unwinding.
//   - What has ended leaves no trace: a connection that was disconnected, a child
//     that was destroyed, a goroutine that returned, a cleanup that was stopped. A
//     handler's closure is garbage at the cut-off, even while the program holds the
//     Connection.
//   - A root owner that becomes garbage without Destroy is reported, see [OnLost].
//     A handler on a live signal that captures its owner hides the owner from the
//     collector. Package inspect finds such owners.
//
// # Finishing work
//
// Destroy of a plain owner ends everything in one step. That is right where the parts do
// not need each other any more. Where they do:
//
//   - [Staged] owners end their children one after the other, newest first, each completely
//     before the next is cut off. So what was made first, a store, serves to the last.
//   - [CloseInTurn] keeps a signal open until its turn among the cleanups: for a last word to
//     other owners.
//   - [Finish] makes a queue that handles what it has accepted, before Destroy returns.
//   - [Owner.GoErr] ends the owner when one of its goroutines fails. The first error is the
//     cause, and [Owner.Destroy] and [Run] return it.
//   - [Owner.DestroyContext] and [WithGrace] bound how long the end may take. Their error
//     names what still runs.
//
// docs/shutdown.md in the repository builds the end of a program from these.
//
// # Values in flight
//
// The table says what happens to a value that was fired and not yet handled, when something
// ends. A call that has begun is never interrupted: every Destroy that covers it waits for
// it.
//
//	                          direct handler,   pending on       pending on a    held by a full
//	                          its turn to come  a queue          Finish queue    Block queue
//	Disconnect, DisconnectAll skipped           dropped          handled         let go
//	owner is cut off          skipped           dropped          handled         let go
//	signal's owner is cut off skipped           dropped          handled         let go
//	queue's owner is cut off  -                 dropped          handled         let go
//	Mute                      skipped           dropped in turn  dropped in turn stays held
//	DestroyContext gives up   skipped           dropped          dropped         let go
//
// [Queue.Dropped] counts what a queue drops and what a held Fire lets go of. [CountDropped]
// counts what a [Values] loop was given and its body did not get. A handler that is skipped
// never had the value, so that is not counted. Nor is a Fire that finds no handler at all,
// see [Signal.Len]. A Once is spent by the value that its handler gets, or on a queue by the
// value that the queue accepts.
//
// # Ordering and concurrency
//
//   - Fire is synchronous: it calls the handlers one after the other, by priority
//     and then by order of connection, on the goroutine that called Fire.
//   - Fire takes a snapshot. It does not call what is connected during the Fire. It skips
//     what ends during the Fire, in whatever way, from then on.
//   - All methods of all types may be called by any goroutine, and from handlers.
//     No lock is held while a handler, cleanup or other user function runs.
//   - Concurrent Fires run concurrently, so one handler may run on several
//     goroutines at once, and a handler that blocks also blocks the goroutine that
//     called Fire. A [Queue] handles values one at a time, on a goroutine that exists
//     while there are any.
//   - A full [Block] queue holds the goroutine that called Fire. If that is an owned one, it
//     lets go of the value when its owner is cut off, because the Destroy that waits for
//     it may be called by the very goroutine that has to make room.
//   - [Connection.Disconnect] never waits. A Fire on another goroutine that has
//     already committed to the call may still enter the handler. Only Destroy is
//     a barrier. What needs one gets an owner of its own.
//   - In the terms of the Go memory model, Connect synchronizes before every call made
//     through the connection. Fire synchronizes before the queued call, the Wait or the
//     Values iteration that gets its value. The return of a call synchronizes before every
//     cleanup of its owner, before Ended is closed, before the return of every Destroy, and
//     before the return of every DestroyContext that returns nil.
//   - Delivery is linearizable per connection. A whole Fire is not: it is as many
//     calls as it has handlers.
//
// Not guaranteed: that concurrent Fires reach two handlers in the same order; that a
// handler runs on any goroutine in particular; fairness among the goroutines that a full
// queue holds.
//
// # Limits
//
//   - Destroy hangs if the caller holds a lock that a handler of the subtree takes, as
//     [sync.WaitGroup.Wait] would. Under locks use [Owner.Cancel].
//   - Destroy also hangs if a handler of the subtree waits for the goroutine that called
//     Destroy. The library does not see that wait.
//   - Two full Block queues whose handlers fire at each other hold each other. So does
//     a Manual one that is filled by the goroutine that drains it.
//   - If the owner is not alive, Defer, Own, OwnBlocking and Interrupt may run what they
//     are given on the calling goroutine. So do not call them with a lock held that it
//     takes.
//   - The library does not know for which owner a full Block queue holds a handler. If the
//     goroutine that drains a Manual queue destroys the owner of a handler that this queue
//     holds on another goroutine, both wait. Cancel does not wait.
//   - While a handler's panic goes through the function that called Fire, a deferred Destroy
//     in that function looks like one inside the handler: it does not wait. Run does.
//   - Inside an iterator that is pulled, see [iter.Pull], Destroy does not wait either,
//     because the library can't see what the puller is in the middle of. If something of
//     the target runs, Destroy returns [ErrPending]. A Fire into a full Block queue, or a
//     Drain, waits there, even if the puller is a handler of that queue.
//   - In one Fire, Drain or unwinding, the first sixteen panics or so keep their stacks.
//     Later ones go on as one panic, with the last value.
//   - A handler that never returns holds back the cleanups of its owner's
//     ancestors. [Owner.DestroyContext] names it.
//
// # Panics
//
//   - A panic in a handler goes on to the caller of Fire after the remaining
//     handlers have run, with its own value and stack. So does Goexit. The same
//     holds for cleanups, on the goroutine that unwinds.
//   - Destroy is a barrier even if an interrupt panics: the panic goes on when the teardown
//     is complete.
//   - In owned goroutines, timers, ticks and queues there is no caller of Fire. A panic
//     there crashes the program as it would in any goroutine.
//   - With [WithPanicHandler], panics are given to a function instead.
//   - Misuse, such as a nil owner or handler, panics at the call, with a message
//     that names it, before anything changes.
//
// # Costs
//
//   - Fire takes no lock and does not allocate. It announces whose handler runs
//     with one atomic instruction per change of owner.
//   - Connect and Disconnect are O(1) amortised. Connect makes one allocation, or a few
//     where there are options.
//   - Destroy is linear in what it ends, whatever the depth of the tree. It reads stacks,
//     in microseconds, only if something runs when it is called.
//   - Go costs about half a microsecond more than the go statement. On the stack of an owned
//     goroutine, frames of functions named digit spell a number, by which the library
//     tells whose goroutine it is.
//   - The first connection of each type of value costs some microseconds: the library
//     learns where the code is that calls its handlers.
//   - The package has no goroutine and no timer of its own. Its init sets a few variables.
//     It imports the standard library alone.
//
// # Testing
//
// Everything works inside [testing/synctest] bubbles: all waits are durable. A
// test that destroys its owners leaves no goroutine behind, which goleak can
// confirm. Package tethertest has an owner that ends with its test, a check that
// nothing of a test is left, and a recorder of what a source fires.
//
//   - Make the owners, queues and heartbeats that a bubble uses inside the bubble, and
//     destroy them there. If a timer or channel of a bubble is touched from outside, the
//     runtime ends the program, by a fatal error that nothing recovers. A Destroy outside
//     does that to an owner on which AfterFunc, Ended or Context was called inside. If an
//     owner lives outside the bubble, use a child that is made and destroyed inside.
package tether
