// Package derive makes sources out of sources: filtered, converted, combined, slowed down.
//
//	var keys tether.Signal[rune]
//
//	words := derive.Scan(&keys, "", func(w string, r rune) string { return w + string(r) })
//	query := derive.Debounce(words, 200*time.Millisecond)
//	query.Connect(ann, search) // ann has paused: search for what she has typed
//
// An operator is a recipe: it takes a [tether.Source] and returns one. Nothing exists
// until somebody connects to what it returns. Then a chain is made, with a state of its
// own, for this one connection, and it lives and ends with that.
//
// # Which operator
//
//	Map          a value for each value
//	Filter       those that are wanted
//	FilterMap    both in one
//	Merge        the values of several sources
//	Scan         what the values add up to
//	Distinct     those that differ from the one before; DistinctFunc compares your way
//	Take         the first n
//	Until        those before another source gives a value
//	Debounce     the last one of a burst, once it is quiet
//	Throttle     not more than one at a time: the first of a window, the last, or both
//	Sample       the last one, at every beat of another source
//	Buffer       batches, by number and by time
//	Latest       a function of the latest values of two sources
//	Switch       the values of the latest of many sources
//	Share        one chain for many subscribers
//	FromChan     what is received from a channel
//	Chan, Send   onto a channel: a new one that is closed in the end, or one of yours
//
// # Ownership
//
//   - Operators take no owner, as what they return holds nothing: the chain belongs to the
//     owner that is given to Connect. What outlives a call takes one: Share, FromChan, Chan,
//     Send.
//   - The Connection is the subscription. Whatever ends it, Disconnect, its owner, its
//     queue, ends the whole chain, up to the connections to the sources. They belong to the
//     same owner: its Destroy is a barrier for the functions as it is for the handler.
//   - When no source can give a value any more, the subscription ends too. Each operator
//     says when that is. On a queue it ends when that has handled what it had accepted;
//     until then a goroutine of the owner waits for it.
//   - A source has ended when its Connection has. What it gives after that, or gives at that
//     moment on another goroutine, may be dropped.
//   - A value that Debounce, Throttle or Buffer holds when its source ends is delivered
//     before the subscription ends. When that is ended from below, by Disconnect or the
//     owner, it is dropped. [Buffer] has last words for a [tether.Finish] queue.
//
// # Ordering and concurrency
//
//   - Operators work before the queue. With [tether.On] the functions run on the goroutine
//     that fires, and only the last step enters the queue: what Filter refuses takes no room.
//     [tether.Priority] applies to the sources. A muted Connection skips the handler; the
//     functions still run, and Take counts.
//   - Map, Filter, FilterMap and Merge have no state. They nest like function calls, depth
//     first, as Fire does; where several goroutines fire, they run more than once at the same
//     time.
//   - All others see one order, and their functions and what comes after them do not overlap.
//     A Fire that comes while one is at it leaves its value to that goroutine, and returns.
//     So a Fire from inside a function or the handler is delivered after it. No lock is held
//     while a function runs.
//   - What is left in that way is not bounded, with one exception: if who delivers is held by
//     a full [tether.Block] queue of this chain, a Fire that leaves a value there is held too.
//     Debounce and Throttle need not, as they hold one value at most.
//   - Values that a timer brings come on a goroutine of the owner.
//   - The Once of every operator calls its handler once, with the first value that comes out
//     of the chain, and is dead inside it.
//
// Not guaranteed: which of the firing goroutines runs a function; that a value has been
// handled when its Fire returns, if others fire.
//
// # Limits
//
//   - A function that waits for a Fire on another goroutine hangs if that one is held behind
//     it, as above.
//   - [Latest] glitches where both sources come from one: see there. Package state does not.
//   - A chain of operators is built anew for each connection: [Share] what is costly.
//
// # Panics
//
// A panic in a function counts as one of the handler: it goes on to who fires, or delivers
// for others, when the rest has been delivered, or to the owner's panic handler. The chain
// goes on with the next value. In what a timer brings there is no caller: a panic there
// crashes the program, unless it is supervised. A source that panics when an operator
// connects to it leaves nothing of the chain: the panic goes on to who connects, or in
// [Switch] to who fires. Misuse panics at the call: nil sources and
// functions, Merge of nothing, numbers below 1, negative times.
//
// # Costs
//
// A chain of stateless operators costs one more Fire, of the handler, and a function call
// for each operator: three of them 24 ns beside 15 ns of three nested closures. It takes no
// lock and allocates nothing for a value. An operator with a state takes a mutex twice for
// each value. One that waits has one timer, and none while it holds nothing. To connect is
// some 20 allocations, whatever the length of the chain, and a few for each operator with a
// state.
package derive
