// Package state has reactive values: variables that say when they change, values
// computed from others that are up to date whenever somebody looks, and numbers
// that move with time. All belong to owners, as everything in
// [github.com/seed-ec287111/tether] does.
//
//	price := state.NewValue(app, 20)
//	count := state.NewValue(app, 1)
//	total := state.NewComputed(app, func(use *state.Use) int {
//		return price.Use(use) * count.Use(use)
//	})
//	total.Changes().Connect(screen, func(c state.Change[int]) {
//		fmt.Println(c.Old, "->", c.New)
//	})
//	count.Set(3) // 20 -> 60
//
// A [Value] is set; a [Computed] is computed from what its function uses; an effect,
// see [NewEffect], is a function that runs again when what it used has changed; [ForEach] has
// an owner for each key of a map; a [Spring] and a [Tween] follow the ticks of a source; a
// [Resource] is loaded. All of them but effects are [Readable]: Get for everybody, Use for
// computing functions and effects, Changes for handlers.
//
// docs/state.md builds something small with them, from the first value on.
//
// # Dependencies
//
//   - A computing function depends on what it read with Use in its last run, and
//     on nothing else. Get in its place is the main mistake: it reads, but does
//     not depend. Where that is meant, Peek says so.
//   - Lazy: a Set marks what depends on it, and computes nothing of what nobody
//     watches. To watch is to be connected to Changes, or an effect.
//   - Minimal: a function runs again only when somebody asks for its value, or
//     watches it, and a value that it used has changed since; once for each state of the
//     world, however many ways lead there. Equal is not changed, so equality stops the
//     rest.
//   - Without glitches: what a function reads was true in one moment. On a diamond
//     it never sees one side new and the other old, and not under concurrent Sets
//     either: a Set that overtakes a run unwinds it at its next Use, and it begins
//     again.
//   - A value that needs itself is a *[CycleError] with the chain of names, also
//     if the chain goes through several goroutines, which would wait for each
//     other, or by way of a Get inside a computing function.
//
// # Failures
//
//   - A panic is a result: who uses what has failed gets the same panic, and may recover it
//     and have a value all the same. Nothing runs again for it until something that the
//     failed function used changes.
//   - A Get, or a Connect to Changes, that comes upon an old failure asks anew: it has what
//     has failed run once more, and what hangs on that. So a function that fails for
//     reasons outside of the graph can be tried again by asking again. While anything
//     is being computed, no failure is old.
//   - A watched value that fails tells no change. When it has a value again, the change
//     has as Old the value that was told last.
//   - What is made of a cycle depends on where the cycle was entered. So a Get asks anew
//     there too.
//
// # Ownership
//
//   - A computing function, and that of an effect, is a handler of its owner's: Destroy
//     waits for it, from the cut-off on it is not called, and its closure is garbage.
//   - From then on the value stays what it was last. Set, SetTarget and Impulse do
//     nothing. Reading goes on to work, for users with other owners too.
//   - Nothing is left behind: when its owner has ended, no dependency refers to a
//     computed value. Until then the owner holds it, so computed values that come
//     and go need an owner that does too.
//   - In [tether.Stats] a computed value counts as a connection, and so does an effect.
//
// # Ordering and concurrency
//
//   - All methods may be called by multiple goroutines at once, and a [Use] is for one at
//     a time. No lock is held while a computing function, an equality, an easing or a
//     handler runs.
//   - The changes of one value are delivered one after the other, in the order of
//     the Sets, none lost; when all is at rest, the last New is what Get returns.
//     Whoever is delivering takes over what others add meanwhile, so a Set may
//     return before its change is delivered: under concurrent Sets, or inside a
//     handler or effect. No Set waits for another.
//   - A Set first delivers its own change, then computes what is watched and delivers that, a
//     few at a time, and lets effects run when their turn comes.
//   - Handlers may do anything, Set included. All that they read is up to date.
//     A handler that connects may still be told a change made just before; [Bind]
//     begins with the value and has neither a gap nor a repetition.
//   - Get is linearizable: it returns what was true between its call and return.
//     Set synchronizes before every Get and Use that sees its value, and before
//     the delivery of its change.
//   - A function runs on the goroutine that asks, never twice at once; others that
//     ask wait for it. Below ten thousand functions called one inside the other, the next
//     ones run on a goroutine of their own, which is waited for.
//   - Effects are not unwound when they are overtaken; they run again.
//
// Not guaranteed: in which order different values deliver; which goroutine runs a
// function. A computation that goroutines overtake by Sets all the time may begin
// again for as long as they do so.
//
// # Limits
//
//   - Inside a computing function, Set panics, and so does a Get that would have
//     to wait for what another goroutine computes.
//   - A function that waits for a goroutine which calls Get on what it computes
//     hangs: that wait is not seen. A goroutine may be given the Use instead, if
//     it recovers what Use panics with and has the function panic with that: it
//     is how an overtaken computation ends.
//   - A function that recovers everything also recovers what unwinds it when it is
//     overtaken. Its result is then thrown away, as it would be otherwise.
//   - A computing function that ends its goroutine by [runtime.Goexit] has no result; if it is
//     watched, it is told again when somebody has asked for it.
//   - Values are not copied: a slice or map that is changed in place was not set.
//
// # Panics
//
//   - A panic in a function goes on to the caller of Get, or of the Set, Connect or
//     whatever else had it run, when others have had their turn.
//   - With [tether.WithPanicHandler] the owner's handler gets it, and the caller
//     the last value there was.
//   - A crash shows where the panic came from, if the function was called by who asked for it
//     and not a dependency on the way there: then it shows who used that.
//   - Misuse panics at the call, before anything changes.
//
// # Costs
//
//   - Get of a value takes no lock and does not allocate. That of a computed value takes none
//     as long as nothing in the program was set since it was last read; then a short one.
//   - A value of 8 bytes or less without pointers, and a single pointer, are kept as they are;
//     a Set of anything else allocates a copy. A Set is linear in what it marks, with one lock. What
//     is marked already is not marked again.
//   - A run takes one lock, and allocates nothing where it uses the same as the last time, in
//     whatever order. A Use takes no lock as long as the order is the same, nor of what is among the last
//     four that were used. All values of the program share the lock, which is held for
//     bookkeeping alone.
//   - Everything is linear in what it touches, failures and cycles included.
//   - Depth has no limit but memory. The first run of functions that call each other is the only
//     thing that recurses, and goes on to another goroutine after each ten thousand of them, so no
//     stack becomes fatally large. A process with a chain of a million peaks at 1.4 GB, stacks
//     included: "go test -run TestADeepChain ./state -args -deep=1000000". After its
//     first run, nothing recurses.
//   - On 64 bits, a Value[int] holds 160 bytes. A Computed[int] that has one dependency holds 504,
//     with its function's closure and its place in the owner's books: "go run . -state" in bench. To be
//     watched by a handler costs some 450 more, the signal and the connection.
//   - docs/state.md has times.
//
// # Names
//
// The scheme is that of push and pull with colors: a Set makes its users dirty and what comes
// after them uncertain, and whoever asks goes down what is uncertain; as in Adapton (Hammer
// et al., "Adapton: Composable, Demand-Driven Incremental Computation", PLDI 2014) and in
// the signals of user interface libraries: the colors are those of Reactively (Milo
// Mighdoll), links that a run reuses in order those of alien-signals (Johnson Chu). Unwinding
// an overtaken run is what software transactional memory calls opacity (Guerraoui and
// Kapalka, PPoPP 2008).
package state
