// Package tetherotel reports to OpenTelemetry, as metrics, what owners hold, do and have
// counted. It also makes spans of the deliveries of a bus.
//
//	err := tetherotel.Register(app, provider, app) // once, beside the making of app
//
//	b := bus.New(app, "bus", tetherotel.Trace(otel.Tracer("shop"))) // if spans are wanted
//
// # Metrics
//
// All metrics are of type int64. Those without "counter" are up-down counters, which go up
// and down and add up over programs.
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
// The Prometheus exporter replaces dots by underscores, and ends the names of counters in
// "_total": tether_queue_dropped_total. The file dashboard.json beside this package shows
// the metrics in Grafana.
//
// # Groups
//
//   - Each value has the attribute [NameKey], the name of the owners that it is about. It
//     is not their path. Each run of digits in it is "#", so "player-17" and "player-4" are
//     one group.
//   - The names of owners made by package keyed are keys. Those owners form one group for
//     each Owners or Map: "key of sessions".
//   - A name is quoted as in a path, and cut after 64 bytes.
//   - There are at most 50 groups, see [Groups], and then one more, "other". At a
//     collection each new name gets a group as long as there is room. Names with most
//     owners come first.
//   - A name keeps its group until the registration ends, also if no owner has the name any
//     more. Then its values are 0, and its counters stay. A name that is in "other" stays
//     there, as there is never room again. If a name moved to another group, counters would
//     fall.
//   - An owner whose own name is "other" is in that group.
//   - tether.owner.lost is about the whole program. It has no attributes, and each provider
//     gets it once.
//
// # Counters
//
//   - tether.queue.taken and tether.queue.dropped count all queues that are or were below
//     root, also those from before Register. They never fall when queues end. They count no
//     value twice, whatever ends during a collection: see [inspect.Totals].
//   - The counts of a queue stay in the group of the name that its owner had.
//   - When root has ended, or is lost and garbage, the counters stay as they were.
//
// # Ownership and concurrency
//
//   - A registration belongs to an owner, which need not be root, and ends with it. It has
//     no goroutine. There is one callback for all instruments.
//   - Collections may run at any time, on any goroutine, and several at once. Those of one
//     registration take turns.
//   - Destroy of the owner waits for a collection that is under way. So do not destroy the
//     owner in a callback of the same provider, nor with a lock held for which such a
//     callback waits.
//   - root can be found lost while it is registered.
//
// # Costs
//
//   - Fire, Connect and values in queues cost nothing more. The end of a queue costs some
//     100 ns, also without this package.
//   - A collection walks the tree once. It takes some 150 ns of CPU time for each owner,
//     and 200 ns more for each queue. With 100 000 owners that is 15 ms, and 35 ms if each
//     has a queue. It holds no lock for longer than it looks at one owner. It allocates
//     some 8 KB, and 8 bytes for each child of the owner that has most. The benchmark
//     Collect measures it on your machine.
//   - [Stuck] looks at the tree four times in its duration, at some 100 ns for each owner.
//   - A traced delivery costs what [bus.Around] does, and what the tracer takes to begin a
//     span. Besides [bus.Around], a delivery that is not sampled allocates once with a
//     tracer that does nothing, and twice with the SDK's. One that is recorded takes some
//     microseconds more. See the benchmark Trace.
//
// # Limits
//
//   - If users choose the names of owners that package keyed does not make, those names
//     fill the groups, and all later names are in "other". Below one root no more than 255
//     names are told apart, whatever [Groups] says: see [inspect.OwnerInfo.ByName].
//   - Two registrations with one provider count everything twice, if they are of one root,
//     or of two owners one of which is below the other. OpenTelemetry adds up values with
//     the same attributes.
//   - The numbers of one collection are no snapshot, as owners are looked at one after the
//     other.
//   - Values fired are not counted, as all cores that fire would write the same word.
//   - A handler that could not be announced, because very many run at once, is not seen to
//     be stuck.
//   - A published value has no span of its own. If the publisher's context has a span, that
//     is the parent of the handlers' spans.
package tetherotel
