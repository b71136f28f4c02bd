// Package tetherotel tells OpenTelemetry what owners hold, do and have counted, as metrics, and
// makes spans of the deliveries of a bus.
//
//	err := tetherotel.Register(app, provider, app) // once, beside the making of app
//
//	b := bus.New(app, "bus", tetherotel.Trace(otel.Tracer("shop"))) // if spans are wanted
//
// # Metrics
//
// All are of type int64. Those without "counter" are up-down counters, which go up and down and
// add up over programs.
//
//	tether.owner.count       {owner}       owners that have not ended
//	tether.owner.lost        {owner}       counter: root owners that became garbage without Destroy
//	tether.connection.count  {connection}  connections of handlers
//	tether.goroutine.count   {goroutine}   goroutines started by Go or Run
//	tether.timer.count       {timer}       timers pending or running
//	tether.cleanup.count     {cleanup}     cleanups registered
//	tether.handler.count     {call}        calls of handlers that run
//	tether.handler.stuck     {call}        those that have run for longer than Stuck says
//	tether.teardown.stuck    {teardown}    teardowns that have taken longer
//	tether.queue.count       {queue}       queues
//	tether.queue.depth       {value}       values pending in queues
//	tether.queue.taken       {value}       counter: values that queues have let in
//	tether.queue.dropped     {value}       counter: values not handled, see tether.Queue.Dropped
//
// Through the Prometheus exporter dots become underscores and counters end in "_total":
// tether_queue_dropped_total. The file dashboard.json beside this package shows them in
// Grafana.
//
// # Groups
//
//   - Each value has the attribute [NameKey], the name of the owners that it is of, and no
//     path. In it each run of digits is "#", so that "player-17" and "player-4" are one group.
//     Owners made by package keyed, whose names are keys, are in one group for each of its
//     groups: "key of sessions". A name is quoted as in a path, and cut after 64 bytes.
//   - There are at most 50 groups, see [Groups], and then one more, "other". At a collection
//     names that are new get a group each, those with most owners first, as long as there is
//     room.
//   - A name keeps its group until the registration ends, also if no owner has it any more:
//     its values are 0 then, and its counters stay. There is never room again, so a name that
//     is in "other" stays there. What moves to another group would make counters fall.
//   - An owner that is itself called "other" is in that group.
//   - tether.owner.lost is of the whole program. It has no attributes, and is told once for
//     each provider.
//
// # Counters
//
//   - tether.queue.taken and tether.queue.dropped are those of all queues that there are or
//     were below root, also before Register. They never fall when queues end, and count no value
//     twice, whatever ends during a collection: see [inspect.Totals].
//   - What a queue has counted stays in the group of the name that its owner had.
//   - When root has ended, or is lost and garbage, the counters stay as they were.
//
// # Ownership and concurrency
//
//   - A registration belongs to an owner, which need not be root, and ends with it. It has no
//     goroutine. There is one callback for all instruments.
//   - Collections may run at any time, on any goroutine, and several at once. Those of one
//     registration take turns.
//   - Destroy of the owner waits for a collection that is under way. So do not destroy it in a
//     callback of the same provider, nor with a lock held for which such a callback waits.
//   - root can be found lost while it is registered.
//
// # Costs
//
//   - Nothing for Fire, Connect and values in queues. At the end of a queue some 100 ns, also
//     without this package.
//   - A collection walks the tree once: some 150 ns of CPU time for each owner, and 200 ns more
//     for each queue. With 100 000 owners that is 15 ms, and 35 ms if each has a queue. No lock is
//     held for longer than one owner is looked at. A collection allocates some 8 KB, and 8 bytes
//     for each child of the owner that has most. The benchmark Collect says what it is elsewhere.
//   - [Stuck] looks at the tree four times in its duration, at some 100 ns for each owner.
//   - A delivery that is traced costs what [bus.Around] does, and in addition what the tracer
//     takes to begin a span. One that is not sampled allocates once with a tracer that does
//     nothing and twice with the SDK's. One that is recorded takes some microseconds more. See
//     the benchmark Trace.
//
// # Limits
//
//   - Names that users choose for other owners than those of package keyed fill the groups, and
//     all names that come later are in "other". Below one root no more than 255 names are told
//     apart, whatever [Groups] says: see [inspect.OwnerInfo.ByName].
//   - Two registrations of one root, or of two owners one of which is below the other, with one
//     provider, count everything twice: OpenTelemetry adds up what has the same attributes.
//   - The numbers of one collection are no snapshot: owners are looked at one after the other.
//   - Values fired are not counted, as all cores that fire would write the same word.
//   - A handler that could not be announced, as very many run at once, is not seen to be stuck.
//   - What is published has no span of its own. One that the publisher's context has is the
//     parent of those of the handlers.
package tetherotel
