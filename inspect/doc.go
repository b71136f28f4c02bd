// Package inspect shows what owners hold and do, and finds what leaks, grows or is stuck.
// Use it for a page behind a debug port, for a test that hangs, or for a log with numbers.
// Nothing of it costs anything until it is called. Nothing of it keeps an owner alive, or
// keeps a lost owner from being found.
//
//	inspect.Dump(os.Stderr) // the tree, by function with file and line
//
//	for _, g := range inspect.Growth(app, 1000) { // what there is too much of
//		slog.Warn("many", "group", g)
//	}
//	stop := inspect.Watch(app, time.Second, func(s inspect.Slow) { // what is stuck
//		slog.Warn("stuck", "slow", s)
//		fmt.Fprintln(os.Stderr, s.Stack)
//	})
//	defer stop()
//
// # Which tool
//
//   - What is there? [Dump] writes it. A program uses [Roots], [Of] and their methods.
//   - The heap grows. Call [WatchGrowth] with a heartbeat, or [Growth] once. They say which
//     function connects, makes children or registers cleanups without end.
//   - Which code made them? [RecordSites] notes the calls. [Profile] notes whole stacks,
//     for go tool pprof.
//   - It hangs. [Watch] names handlers that do not return and teardowns that do not
//     complete.
//   - Which owner takes the CPU time? [Label] labels CPU and goroutine profiles.
//   - How does it change over time? Use [Log]. As metrics use [OwnerInfo.ByName] and
//     [WatchStuck], which module tetherotel gives to OpenTelemetry.
//   - All of it, for a page or an alarm: a [Monitor] folds all owners of the program and
//     says what is wrong. Package inspectweb is such a page. [Search] finds owners.
//   - A root was never destroyed. Use [tether.OnLost].
//
// # Names
//
//   - Functions and calls are those of the program that uses the library. For an owner made
//     by package keyed it is the call of Get. For a handler connected by a
//     [tether.NewSource] or by package weakref it is the handler that the program gave.
//   - Owners that the library makes have names that say what they are for: "heartbeat
//     100ms", "active signal of string" for [tether.WhileActive], "signal of string" for
//     [tether.CloseInTurn].
//   - What the library itself holds or runs in an owner has the exported name that it is a
//     part of, such as tether.Heartbeat, history.Record or pool.Lease, or the name of its
//     package. It has no file.
//
// # What they promise
//
//   - All functions may be called by any goroutine, while the trees change. What they see
//     of one owner is consistent. What they see of several owners is not, as they look at
//     one after the other.
//   - User code runs under no lock. Writing down the state of an owner holds that owner's
//     lock, for some 200 ns for each thing that the owner holds.
//   - The values, such as [OwnerInfo], [Group], [Slow] and [Survey], refer to no owner.
//   - [RecordSites], [Profile] and [Label] observe. They slow down the making of what they
//     observe, and nothing else, until they are stopped. [Watch] and [Growth] look from
//     outside.
//   - Fires are not counted, as all cores that fire would write the same word. The handlers
//     that run now can be seen, and queues say how many values they took and dropped.
//   - All of it works inside testing/synctest bubbles. [Roots] and [Dump] show the owners
//     of the whole program there too, those of other bubbles included.
package inspect
