// Package inspect shows what owners hold and do, and finds what leaks, grows or is
// stuck. It is for a page behind a debug port, a test that hangs, a log that has
// numbers: nothing of it costs anything until it is called, and nothing keeps an
// owner alive or from being found lost.
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
//   - What is there? [Dump]; [Roots], [Of] and their methods for a program.
//   - The heap grows. [WatchGrowth] at each beat of a heartbeat, or [Growth] once:
//     which function connects, makes children or registers cleanups without end.
//   - Who made them? [RecordSites] notes the calls, [Profile] whole stacks, for
//     go tool pprof.
//   - It hangs. [Watch] names handlers that do not return and teardowns that do
//     not complete.
//   - Whose CPU time is it? [Label], for CPU and goroutine profiles.
//   - How does it go, over time? [Log]; as metrics [OwnerInfo.ByName] and [WatchStuck], which
//     module tetherotel gives to OpenTelemetry.
//   - All of it, for a page or an alarm: [Monitor] folds all owners of the program and says what
//     is wrong. Package inspectweb is such a page. [Search] finds owners.
//   - A root that nobody destroyed: [tether.OnLost].
//
// # Names
//
//   - Functions and calls are those of the program that uses the library. An owner that
//     package keyed has made was made by the call of its Get; a handler that a
//     [tether.NewSource] or package weakref has connected is the one that it was given.
//   - Owners that the library makes are called after what they are for: "heartbeat 100ms",
//     "active signal of string" for [tether.WhileActive], "signal of string" for
//     [tether.CloseInTurn].
//   - What the library itself holds or runs in an owner has the exported name that it is a
//     part of, without a file: tether.Heartbeat, history.Record, pool.Lease; or that of its
//     package.
//
// # What they promise
//
//   - All functions may be called by any goroutine, while the trees change. What
//     they see of one owner is consistent; of several it is not, as each is looked
//     at in its turn.
//   - User code runs under no lock. Writing an owner's state down holds that owner's
//     lock, for some 200 ns for each thing that it holds.
//   - The values, [OwnerInfo], [Group], [Slow], [Survey] and so on, refer to no owner.
//   - What observes, [RecordSites], [Profile] and [Label], slows down the making of
//     what it observes, and only that, and only until it is stopped. [Watch] and
//     [Growth] look from outside.
//   - Fires are not counted: all cores that fire would write the same word. What
//     runs now can be seen, and queues tell what they took and dropped.
//   - All of it works inside testing/synctest bubbles. [Roots] and [Dump] show the
//     owners of the whole program, though, other bubbles' included.
package inspect
