// Package state has reactive values: variables that report their changes, values that are
// computed from others and are up to date whenever they are read, and numbers that move
// with time. Each of them has an owner, as everything in [github.com/seed-ec287111/tether]
// does.
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
// The package has:
//
//   - [Value], a variable that the program sets
//   - [Computed], a value that is computed from what its function uses
//   - effects, see [NewEffect], functions that run again when something that they used has
//     changed
//   - [ForEach], which keeps an owner for each key of a map
//   - [Spring] and [Tween], numbers that follow the ticks of a source
//   - [Resource], a value that a function loads
//
// All of them but effects are [Readable]. Any code calls Get. Computing functions and
// effects call Use. Handlers connect to Changes.
//
// docs/state.md builds something small with them, from the first value on.
//
// # Dependencies
//
//   - A computing function depends on what it read with Use in its last run, and on nothing
//     else. The main mistake is Get in place of Use: Get reads, but makes no dependency. If
//     that is what you mean, Peek says so.
//   - Lazy: a Set marks what depends on it. It does not compute a value that is not
//     watched. A value is watched while a handler is connected to its Changes, or an effect
//     uses it.
//   - Minimal: a function runs again only if its value is read or watched, and a value that
//     it used has changed since its last run. It runs once for each state of the world,
//     however many ways lead there. An equal value is no change, so equality stops the
//     rest.
//   - Without glitches: all that a function reads was true in one moment. On a diamond it
//     never sees one side new and the other old. That holds under concurrent Sets too: a
//     Set that overtakes a run unwinds it at its next Use, and the run begins again.
//   - A value that needs itself is a *[CycleError] with the chain of names. That includes a
//     chain through several goroutines, which would wait for each other, and a chain
//     through a Get inside a computing function.
//
// # Failures
//
//   - A panic of a function is its result. A function that uses the failed value gets the
//     same panic. It may recover the panic and return a value all the same. Using the value
//     does not run the failed function again, until something that it used changes.
//   - A Get, or a Connect to Changes, that finds an old failure asks anew: it runs the
//     failed function once more, and what depends on it. So a function that fails for
//     reasons outside of the graph can be tried again by asking again. While anything is
//     being computed, no failure is old.
//   - A watched value that fails delivers no change. When it has a value again, the Old of
//     its change is the value that was delivered last.
//   - The result of a cycle depends on where the cycle was entered. So a Get asks anew
//     there too.
//
// # Ownership
//
//   - A computing function, and the function of an effect, is a handler of its owner.
//     Destroy waits for it. From the cut-off on it is not called, and its closure is
//     garbage.
//   - From the cut-off on a value stays what it was last. Set, SetTarget and Impulse do
//     nothing. Reading still works, also for functions with other owners.
//   - When the owner of a computed value has ended, no dependency refers to the value.
//     Until then the owner holds it. So computed values that come and go need an owner that
//     comes and goes with them.
//   - In [tether.Stats] a computed value counts as a connection, and so does an effect.
//
// # Ordering and concurrency
//
//   - All methods may be called by multiple goroutines at once. A [Use] may be used by one
//     goroutine at a time. No lock is held while a computing function, an equality, an
//     easing or a handler runs.
//   - The changes of one value are delivered one after the other, in the order of the Sets,
//     and none is lost. When all is at rest, the last New is what Get returns.
//   - The goroutine that delivers takes over the changes that others add meanwhile. So a
//     Set may return before its change is delivered: under concurrent Sets, or inside a
//     handler or effect. No Set waits for another.
//   - A Set first delivers its own change. Then it computes the watched values and delivers
//     their changes, a few at a time. It runs effects when their turn comes.
//   - Handlers may do anything, Set included. All that they read is up to date.
//   - A handler may still get a change that was made just before it was connected. [Bind]
//     begins with the value, and has neither a gap nor a repetition.
//   - Get is linearizable: it returns what was true between its call and return. Set
//     synchronizes before every Get and Use that sees its value, and before the delivery of
//     its change.
//   - A function runs on the goroutine that asks, and never twice at once. Other goroutines
//     that ask wait for it. When ten thousand functions are called one inside the other,
//     the next ones run on another goroutine, and the first goroutine waits for that.
//   - An effect that is overtaken is not unwound. It runs again.
//
// Not guaranteed: the order in which different values deliver, and which goroutine runs a
// function. If goroutines overtake a computation by Sets all the time, it may begin again
// for as long as they do so.
//
// # Limits
//
//   - Inside a computing function, Set and Reload panic, and what changes where a spring or
//     tween goes. So does a Get that would have to wait for what another goroutine computes.
//   - A function that recovers the panic of its own Get has a result like any other, which
//     does not depend on what it would have read. If a function recovers the panic of a Use
//     that came to such a Get, only its caller gets the result. What the caller reads after
//     that may be of a later moment. If the value is watched, it delivers changes again
//     after it was read.
//   - If a function waits for a goroutine, and that goroutine calls Get on what the
//     function computes, both hang: that wait is not seen. The function may give its Use to
//     the goroutine instead. Then the goroutine must recover what Use panics with, and the
//     function must panic with that, as this is how an overtaken computation ends.
//   - A function that recovers everything also recovers the panic that unwinds it when it
//     is overtaken. Its result is then thrown away, as it would be otherwise.
//   - A computing function that ends its goroutine by [runtime.Goexit] has no result. If
//     its value is watched, it delivers changes again after the value was read. An effect
//     that uses it runs again with the first change after that.
//   - A spring or tween that sets out in a handler of its source, before the tick has moved
//     others of that source, is moved by that tick already. It does not move by the first
//     tick in which it moves alone.
//   - Values are not copied. To change a slice or map in place is not a Set.
//
// # Panics
//
//   - A panic in a function goes on to the caller of Get, Set, Connect or whatever else had
//     the function run, when the others have had their turn.
//   - If the owner has a panic handler, see [tether.WithPanicHandler], that gets the panic,
//     and the caller gets the last value there was.
//   - A crash shows where the panic came from if a Get or Use asked for the value of that
//     very function. If the function was called as a dependency of the value asked for, the
//     crash shows the function that used it.
//   - Misuse panics at the call, before anything changes.
//
// # Costs
//
//   - Get of a Value takes no lock and does not allocate. Get of a computed value takes no
//     lock as long as nothing in the program was set since the value was last read.
//     Otherwise it takes a short one.
//   - A value of 8 bytes or less without pointers is kept as it is, and so is a single
//     pointer. A Set of anything else allocates a copy. A Set is linear in what it marks,
//     with one lock. What is marked already is not marked again.
//   - A run takes one lock. It allocates nothing if it uses the same values as the last
//     time, in whatever order. A Use takes no lock as long as the order is the same, or if
//     the value is among the last four that were used. All values of the program share the
//     lock, which is held for bookkeeping alone.
//   - Everything is linear in what it touches, failures and cycles included.
//   - Depth has no limit but memory. Only the first run of functions that call each other
//     recurses. It goes on to another goroutine after each ten thousand of them, so no
//     stack becomes fatally large. A process with a chain of a million peaks at 1.4 GB,
//     stacks included: "go test -run TestDeep_AChain ./state -args -deep=1000000". After its
//     first run, nothing recurses.
//   - On 64 bits, a Value[int] holds 160 bytes. A Computed[int] with one dependency holds
//     504, with its function's closure and its place in the owner's books. To measure that,
//     call "go run . -state" in bench. A value that a handler watches costs some 450 more,
//     for the signal and the connection.
//   - docs/state.md has times.
//
// # Names
//
// The scheme is push and pull with colors. A Set makes the users of a value dirty, and what
// comes after them uncertain. A read goes down along what is uncertain. That is as in
// Adapton (Hammer et al., "Adapton: Composable, Demand-Driven Incremental Computation",
// PLDI 2014) and in the signals of user interface libraries. The colors are those of
// Reactively (Milo Mighdoll). The links that a run reuses in order are those of
// alien-signals (Johnson Chu). To unwind an overtaken run is what software transactional
// memory calls opacity (Guerraoui and Kapalka, PPoPP 2008).
package state
