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
// A [Value] is set; a [Computed] is computed from what its function uses; a
// [Spring] and a [Tween] follow the ticks of a source. All of them are
// [Readable]: Get for everybody, Use for computing functions, Changes for
// handlers.
//
// # Dependencies
//
//   - A computing function depends on what it read with Use in its last run, and
//     on nothing else. Get in its place is the main mistake: it reads, but does
//     not depend.
//   - Lazy: a Set marks what depends on it, and computes nothing of what nobody
//     watches. To watch is to be connected to Changes.
//   - Minimal: a function runs again only when somebody asks for its value, or
//     watches it, and a value that it used has changed since; once, however many
//     ways lead there. Equal is not changed, so equality stops the rest.
//   - Without glitches: what a function reads was true in one moment. On a diamond
//     it never sees one side new and the other old, and not under concurrent Sets
//     either: a Set that overtakes a run unwinds it at its next Use, and it begins
//     again.
//   - A value that needs itself is a *[CycleError] with the chain of names, also
//     if the chain goes through several goroutines, which would wait for each
//     other.
//
// # Ownership
//
//   - A computing function is a handler of its owner's: Destroy waits for it, from
//     the cut-off on it is not called, and its closure is garbage.
//   - From then on the value stays what it was last. Set, SetTarget and Impulse do
//     nothing. Reading goes on to work, for users with other owners too.
//   - Nothing is left behind: when its owner has ended, no dependency refers to a
//     computed value. Until then the owner holds it, so computed values that come
//     and go need an owner that does too.
//   - In [tether.Stats] a computed value counts as a connection and a cleanup.
//
// # Ordering and concurrency
//
//   - All methods may be called by multiple goroutines at once. No lock is held
//     while a computing function, an equality, an easing or a handler runs.
//   - The changes of one value are delivered one after the other, in the order of
//     the Sets, none lost; when all is at rest, the last New is what Get returns.
//     Whoever is delivering takes over what others add meanwhile, so a Set may
//     return before its change is delivered: under concurrent Sets, or inside a
//     handler of the same value. No Set waits for another.
//   - Handlers may do anything, Set included. All that they read is up to date.
//     A handler that connects may still be told a change made just before.
//   - Get is linearizable: it returns what was true between its call and return.
//     Set synchronizes before every Get and Use that sees its value, and before
//     the delivery of its change.
//   - A function runs on the goroutine that asks, never twice at once; others that
//     ask wait for it.
//
// Not guaranteed: in which order different values deliver; which goroutine runs a
// function. A computation that goroutines overtake by Sets all the time may begin
// again for as long as they do so.
//
// # Limits
//
//   - Inside a computing function, Set panics, and so does a Get that would have
//     to wait, which is what a cycle by way of Get comes to.
//   - A function that waits for a goroutine which calls Get on what it computes
//     hangs: that wait is not seen. A goroutine may be given the Use instead, if
//     it recovers what Use panics with and has the function panic with that: it
//     is how an overtaken computation ends.
//   - A function that recovers everything also recovers what unwinds it when it is
//     overtaken. Its result is then thrown away, as it would be otherwise.
//   - A function that recovers the panic of what it uses is run at every Get, and
//     tells no change, until that value is there again.
//   - Values are not copied: a slice or map that is changed in place was not set.
//   - An awake Spring refers to its owner, and so keeps the collector from finding
//     one that was lost.
//
// # Panics
//
//   - A panic in a function goes on to the caller of Get, or of the Set, Connect or
//     whatever else had it run, when others have had their turn. Nothing is kept
//     of it: the next one to ask tries again. A watched value is tried again at the
//     next Set that concerns it.
//   - With [tether.WithPanicHandler] the owner's handler gets it, and the caller
//     the last value there was.
//   - Misuse panics at the call, before anything changes.
//
// # Costs
//
//   - Get takes no lock and does not allocate, unless something has to be computed.
//   - Set allocates twice, and a little more for each value that is watched; it is
//     linear in what it marks. What is marked already is not marked again.
//   - A run takes a few short locks and allocates twice. All values of the program
//     share the lock, which is held for bookkeeping alone.
//   - A deep chain of stale values is computed by recursion.
//
// # Names
//
// The scheme is that of push and pull: marks are pushed, values pulled, versions
// decide, as in Adapton (Hammer et al., "Adapton: Composable, Demand-Driven
// Incremental Computation", PLDI 2014) and in the signals of user interface
// libraries. Unwinding an overtaken run is what software transactional memory
// calls opacity (Guerraoui and Kapalka, PPoPP 2008).
package state
