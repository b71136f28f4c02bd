// Package history keeps the last values of a signal and replays them to whoever
// connects later.
//
//	var moved tether.Signal[Pos]
//
//	last := history.Record(app, &moved, 1)        // the latest value, sticky
//	moved.Fire(Pos{1, 2})
//	last.Connect(ann, func(p Pos) { draw(p) })    // called at once with {1 2}
//	moved.Fire(Pos{3, 4})                         // and then with {3 4}
//
// A [Ring] is itself a [tether.Source]. What Connect delivers is a piece of one
// order, that in which the values were recorded: from the oldest value kept at
// the moment of connection on, without a gap, without a duplicate, in order,
// while others fire. [tether.Wait] returns the oldest value kept, if there is
// one, else the next; [tether.Values] walks the history and then what follows.
//
// # Ownership
//
//   - A ring belongs to the owner given to [Record]. At the owner's cut-off it
//     stops recording and delivering, all connections to it end, and further ones
//     are born dead. Who sees the owner dead is given nothing any more; when
//     Destroy or Cancel returns, the connections are gone from their owners' books.
//     Its values can be read until its turn in the unwinding comes: a cleanup
//     registered after Record may still save them. Then they are dropped.
//   - A ring does not end with its source: a source does not tell. When that has
//     closed, the ring keeps and replays what it has. Give both the same owner
//     where they should end together.
//   - The Connection that Connect returns is the subscription. Replayed and live
//     values take the same way to the handler, so whatever ends the connection
//     ends the replay too, and Destroy of the subscriber's owner is a barrier for
//     replayed calls as for all others.
//
// # Ordering and concurrency
//
//   - The values are recorded in one order, even if several goroutines fire. Each
//     handler is called with them in that order, one at a time: unlike on a
//     signal, calls of one handler neither overlap nor nest.
//   - Whoever finds a subscriber idle delivers to it, and goes on until there is
//     nothing left for it; whoever finds it busy leaves the value there. So a
//     Fire from inside a handler of the ring returns before that handler has got
//     the value, and so may a Fire while another goroutine delivers. Connect
//     delivers the replay itself, on its caller, before it returns.
//   - What is recorded while Connect replays, it leaves to the next Fire. If there
//     is none, it delivers that too. So it returns, also while others fire without
//     a pause.
//   - A recorded value reaches idle subscribers by priority, then in order of
//     connection.
//   - No lock is held while a handler runs.
//
// Not guaranteed: which of the firing goroutines runs a handler; that a Fire's
// value has been handled when Fire returns, if others fire or connect as well.
//
// # What is not delivered
//
// A ring promises no gap to a subscriber for as long as both live. Not counted are:
//
//   - values that the source delivered before [Record], and those that the ring forgets
//     as newer ones come: the n latest are what it is for;
//   - what a subscriber has not been given when its connection ends, or the owner of the
//     ring is cut off. The values themselves can be read from the ring until that unwinds;
//   - what comes while the connection is muted, replayed values included.
//
// What a queue drops, [tether.Queue.Dropped] counts.
//
// # Limits
//
//   - What a subscriber has not been given yet is kept for it, without a bound. A
//     handler that blocks while others fire lets that grow; so does a full queue
//     with [tether.Block], which holds only the one who delivers. A queue that
//     drops bounds it.
//   - For as long as others fire faster than a handler handles, the firer who
//     delivers does not get away. A caller of Connect does, after a number of
//     further values that grows with the time between two Fires. But where the
//     handler itself fires for ever, Connect stays.
//   - Handlers run inside the ring's own handler on the source. So Destroy of the
//     ring's owner waits for them, whoever they belong to.
//   - Once on a queue is spent when its value is queued. That value is delivered
//     even if the ring ends before its turn comes.
//
// # Panics
//
// A panic or Goexit in a handler goes on to whoever delivers, a caller of Fire or
// of Connect, after that one has delivered the rest to all. The subscription
// stands, also where Connect panics and so returns nothing. If the subscriber's
// owner has a panic handler, that is given the panic; else if the ring's owner
// has one, it is given those of live values, as they pass through its handler.
//
// # Costs
//
// A value costs one allocation, however many subscribers there are: they walk
// one list, and what all of them have passed and the ring does not keep is
// garbage. Connect is O(1) amortised, plus a search among the priorities in use,
// plus the replay. The package has no goroutine.
package history
