// Package history keeps the last values of a signal and replays them to subscribers that
// connect later.
//
//	var moved tether.Signal[Pos]
//
//	last := history.Record(app, &moved, 1)        // the latest value, sticky
//	moved.Fire(Pos{1, 2})
//	last.Connect(ann, func(p Pos) { draw(p) })    // called at once with {1 2}
//	moved.Fire(Pos{3, 4})                         // and then with {3 4}
//
// A [Ring] is itself a [tether.Source]. All values are recorded in one order. Connect
// delivers the values kept at the moment of connection, oldest first, and then every value
// that follows: without a gap, without a duplicate and in order, also while other
// goroutines fire. [tether.Wait] returns the oldest value kept, or else the next one.
// [tether.Values] walks the values kept and then what follows.
//
// # Ownership
//
//   - A ring belongs to the owner given to [Record]. At the owner's cut-off the ring stops
//     to record and to deliver, and all connections to it end. Connect then returns a dead
//     connection. A subscriber that sees the owner dead gets no further value. When Destroy
//     or Cancel has returned, the owners of the connections do not hold them any more.
//   - The values of a ring can be read until the ring's turn in the unwinding comes. So a
//     cleanup registered after Record may still save them. Then the ring drops them.
//   - A ring does not end with its source, as a source does not tell its end. After that
//     the ring keeps and replays what it has. Give both the same owner if they should end
//     together.
//   - The Connection that Connect returns is the subscription. Replayed and live values
//     take the same way to the handler. So whatever ends the connection ends the replay
//     too, and Destroy of the subscriber's owner is a barrier for replayed calls as well.
//
// # Ordering and concurrency
//
//   - The values are recorded in one order, even if several goroutines fire. Each handler
//     is called with them in that order, one at a time. Unlike on a signal, calls of one
//     handler neither overlap nor nest.
//   - A goroutine that fires delivers to each subscriber that no other goroutine is just
//     delivering to, and goes on until nothing is left for it. For a busy subscriber it
//     leaves the value to the goroutine that delivers there. So a Fire from inside a
//     handler of the ring returns before that handler has got the value. A Fire while
//     another goroutine delivers may do so as well.
//   - Connect delivers the replay on the calling goroutine, before it returns. Values that
//     are recorded meanwhile are left to the next Fire. If there is no next Fire, Connect
//     delivers them too. So Connect returns, also while others fire without a pause.
//   - A recorded value reaches idle subscribers by priority, then in order of connection.
//   - No lock is held while a handler runs.
//
// Not guaranteed: which of the firing goroutines runs a handler; that a Fire's value has
// been handled when Fire returns, if others fire or connect as well.
//
// # What is not delivered
//
// A subscriber has no gap for as long as it and the ring live. These values are neither
// delivered nor counted:
//
//   - values that the source delivered before [Record], and those that the ring forgets as
//     newer ones come;
//   - values that a subscriber has not got when its connection ends, or when the owner of
//     the ring is cut off. They can be read from the ring until the ring unwinds;
//   - values that come while the connection is muted, replayed values included.
//
// [tether.Queue.Dropped] counts what a queue drops.
//
// # Limits
//
//   - The ring keeps the values that a subscriber has not got yet, without a bound. They
//     grow in number while a handler blocks and others fire, and while a full queue with
//     [tether.Block] holds the goroutine that delivers. A queue that drops bounds them.
//   - A goroutine that delivers does not get away while others fire faster than the handler
//     handles. A caller of Connect does, after a number of further values that grows with
//     the time between two Fires. But if the handler itself fires for ever, Connect never
//     returns.
//   - Handlers run inside the ring's own handler on the source. So Destroy of the ring's
//     owner waits for them, even if they belong to other owners.
//   - A Once on a queue is spent when its value is queued. That value is delivered even if
//     the ring ends before its turn comes.
//
// # Panics
//
// A panic or Goexit in a handler goes on in the goroutine that delivers, a caller of Fire or
// Connect, after it has delivered the rest to all subscribers. The subscription stands, also
// if Connect panics and so returns nothing. If the subscriber's owner has a panic handler,
// that handler gets the panic. If only the ring's owner has one, it gets the panics on live
// values, as these pass through its handler.
//
// # Costs
//
// A value costs one allocation, however many subscribers there are: they walk one list. What
// all of them have passed and the ring does not keep is garbage. Connect is O(1) amortised,
// plus a search among the priorities in use, plus the replay. The package has no goroutine.
package history
