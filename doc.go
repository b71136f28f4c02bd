// Package tether provides typed in-process signals, an event bus, in which every
// subscription has an owner.
//
// A [Signal] calls the handlers connected to it. [Signal.Connect] takes an
// [Owner] first, so a subscription that nobody ends does not compile.
// [Owner.Destroy] ends everything that an owner holds, connections, goroutines,
// timers, queues, other owners, and is a barrier: when it returns, nothing of it
// runs or ever will, and every cleanup has run. So a shutdown without leaks is
// something that a test can prove.
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
//     [Values] are their own owners; they end with the call or the loop.
//   - Owners form trees. A child ends with its parent or before it.
//   - Destroy has three phases. Cut off: in the whole subtree nothing new starts.
//     Drain: what runs has returned. Unwind: children and cleanups run, newest
//     first, like deferred calls.
//   - No cleanup of an owner runs while anything of that owner's subtree runs.
//     So a cleanup may close a channel that handlers send on.
//   - A dead owner refuses what would start: Connect returns a dead Connection, Go
//     returns false. It takes what must not be lost: Interrupt calls its function at
//     once; Defer and Own wait for the unwinding, or act at once if that has begun.
//   - Destroy never waits for itself. Inside a handler, timer function or cleanup
//     it does not wait at all: it cuts off, returns [ErrPending] if something of
//     the target runs, and the last one out completes the teardown.
//   - What goroutines of an owner block in is closed at the cut-off: [OwnBlocking]. What
//     they use until they have returned is closed at the unwinding: [Own].
//   - What is over leaves no trace: a connection that was disconnected, a child
//     that was destroyed, a goroutine that returned, a stopped cleanup. The
//     handler's closure is garbage at the cut-off, whoever holds the Connection.
//   - A root owner that becomes garbage without Destroy is reported, see [OnLost].
//     A handler on a live signal that captures its owner hides it from the
//     collector; package inspect finds those.
//
// # Finishing work
//
// The end of a thing is part of its life. Destroy of a plain owner ends everything in one
// step, which is right where the parts need nothing of each other any more. Where they do:
//
//   - [Staged] owners end their children one after the other, newest first, each completely
//     before the next is cut off. So what was made first, a store, serves to the last.
//   - [CloseInTurn] keeps a signal open until its turn among the cleanups: for a last word to
//     other owners.
//   - [Finish] makes a queue that handles what it has accepted, before the Destroy returns.
//   - [Owner.GoErr] ends the owner by the first error of its goroutines, and [Owner.Destroy]
//     and [Run] return it.
//   - [Owner.DestroyContext] and [WithGrace] bound how long that may take, and name what is
//     in the way.
//
// docs/shutdown.md in the repository builds the end of a program from these.
//
// # Values in flight
//
// What happens to a value that was fired and not yet handled, when something ends. A call
// that has begun is never interrupted; every Destroy that covers it waits for it.
//
//	                          direct handler,   pending on       pending on a    held by a full
//	                          its turn to come  a queue          Finish queue    Block queue
//	Disconnect, DisconnectAll skipped           dropped          handled         let go
//	cut-off of the owner      skipped           dropped          handled         let go
//	cut-off of the signal's   skipped           dropped          handled         let go
//	cut-off of the queue's    -                 dropped          handled         let go
//	Mute                      skipped           dropped in turn  dropped in turn stays held
//	DestroyContext gives up   skipped           dropped          dropped         let go
//
// What a queue drops, and what a held Fire lets go of, is counted in [Queue.Dropped]. What a
// [Values] loop was given and its body did not get is counted by [CountDropped]. A handler
// that is skipped never had the value: that is not counted, nor is a Fire that finds no
// handler at all, see [Signal.Len]. A Once is spent by the value that its handler gets, or
// on a queue by the value that the queue accepts.
//
// # Ordering and concurrency
//
//   - Fire is synchronous: it calls the handlers one after the other, by priority
//     and then by order of connection, on the caller's goroutine.
//   - Fire takes a snapshot. What is connected during a Fire is not called by it;
//     what ends during a Fire, by whatever verb, is skipped from then on.
//   - All methods of all types may be called by any goroutine, and from handlers.
//     No lock is held while a handler, cleanup or other user function runs.
//   - Concurrent Fires run concurrently, so one handler may run on several
//     goroutines at once, and a handler that blocks also blocks the goroutine that
//     called Fire. A [Queue] handles values one at a time, on a goroutine that exists
//     while there are any.
//   - A full [Block] queue holds the goroutine that fires. If that is an owned one, it
//     lets go of the value when its owner is cut off: the Destroy that waits for it may
//     be called by the very goroutine that has to make room.
//   - [Connection.Disconnect] never waits. A Fire on another goroutine that has
//     already committed to the call may still enter the handler. Only Destroy is
//     a barrier; what needs one gets an owner of its own.
//   - In the terms of the Go memory model: Connect synchronizes before every call
//     made through it; Fire before the queued call, the Wait or the Values
//     iteration that gets its value; the return of a call before every cleanup
//     of its owner, before Ended is closed, and before the return of every
//     Destroy, and of every DestroyContext that returns nil.
//   - Delivery is linearizable per connection. A whole Fire is not: it is as many
//     calls as it has handlers.
//
// Not guaranteed: that concurrent Fires reach two handlers in the same order;
// that a handler runs on any goroutine in particular; fairness among firers that
// a full queue holds.
//
// # Limits
//
//   - Destroy with a lock held that a handler of the subtree takes hangs, as
//     [sync.WaitGroup.Wait] would. Under locks use [Owner.Cancel].
//   - So does a handler that waits for a goroutine which is in Destroy of the
//     handler's owner: the library does not see that wait.
//   - Two Block queues that are full and whose handlers fire at each other hold
//     each other; so does a Manual one filled by the goroutine that drains it.
//   - Defer, Own, OwnBlocking and Interrupt may run what they are given on the caller, where
//     the owner is not alive. So do not call them with a lock held that it takes.
//   - A handler that a full Block queue holds is not known to be held for its owner. If the
//     goroutine that drains a Manual queue destroys the owner of a handler which another
//     goroutine runs and that queue holds, both wait. Cancel does not wait.
//   - A deferred Destroy that runs while a handler's panic goes through the function
//     which fired can't be told from one inside the handler: it does not wait. Run does.
//   - Inside an iterator that is pulled, see [iter.Pull], Destroy does not wait either,
//     as what its puller is in the middle of can't be seen: it returns [ErrPending]
//     where something of the target runs. A Fire into a full Block queue, or a Drain,
//     waits there, also if the puller is a handler of that queue.
//   - More than a few panics in one Fire, queue or unwinding go on as one: the last
//     value, with the stacks of the first sixteen.
//   - A handler that never returns holds back the cleanups of its owner's
//     ancestors. [Owner.DestroyContext] names it.
//
// # Panics
//
//   - A panic in a handler goes on to the caller of Fire after the remaining
//     handlers have run, with its own value and stack; Goexit likewise. The same
//     holds for cleanups, on the goroutine that unwinds. Destroy is a barrier though an
//     interrupt panics: the panic goes on when all is torn down.
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
//   - Connect and Disconnect are O(1) amortised, with one allocation, or a few
//     where there are options.
//   - Destroy is linear in what it ends, whatever the depth of the tree. Only if
//     something runs when it is called does it read stacks, in microseconds.
//   - A Go costs about half a microsecond more than the go statement. Numbers on the
//     stacks of owned goroutines, as frames of functions named digit, tell whose they are.
//   - The first connection of each type of value costs some microseconds: the library
//     learns where the code is that calls its handlers.
//   - The package has no goroutine, timer or init work of its own, and imports
//     the standard library alone.
//
// # Testing
//
// Everything works inside [testing/synctest] bubbles: all waits are durable. A
// test that destroys its owners leaves no goroutine behind, which goleak can
// confirm. Package tethertest has an owner that ends with its test, a check that
// nothing of a test is left, and a recorder of what a source fires.
//
//   - The owners, queues and heartbeats that a bubble uses are made inside it, and
//     destroyed there. The runtime ends the program, by a fatal error that nothing
//     recovers, if a timer or channel of a bubble is touched from outside: so does
//     Destroy outside of an owner on which AfterFunc, Ended or Context was called
//     inside. In a bubble use a child that is made, and destroyed, inside instead.
package tether
