// Package tethernats takes events beyond one process, on NATS. What is fired in one process
// is handled in others, or stored until it is handled. As in package tether, whatever lives
// on has an owner, and Destroy of the owner is a barrier.
//
//	c, err := tethernats.Embed(app, "data")        // a server in this process, with its streams in a directory
//	c, err := tethernats.Connect(app, "nats://nats.example.com")  // or one that is there
//
//	placed, err := tethernats.Subscribe[Order](app, c, "orders.>") // a tether.Source: at most once
//	_, err = tethernats.Publish(app, &orders, c, "orders.eu")      // whatever the source fires
//
//	err = c.Stream(ctx, "ORDERS", "orders.>")                      // stored
//	err = tethernats.Consume(stock, c, "ORDERS", "stock",          // at least once
//		func(ctx context.Context, m tethernats.Msg[Order]) error { return reserve(ctx, m.Value) })
//
//	err = tethernats.Reply(shop, c, "prices", priceOf)             // questions and answers
//	p, err := tethernats.Ask[Price](ctx, c, "prices", PriceOf{"ham"})
//
//	err = tethernats.Bridge(app, b, c, "orders.>", tethernats.Carry[Order]()) // one bus of many processes
//
// # Ownership
//
//   - [Subscribe], [Consume], [Reply] and [Bridge] each make a child of the owner that they
//     get. At its cut-off nothing more is handled. Destroy waits for the handlers that run.
//   - [Consume] also waits until the server has accepted the acknowledgements of its
//     handlers. It gives back at once what it had fetched and not begun. So when Destroy
//     has returned, the next process has all that is left, and nothing of this process is
//     handled twice.
//   - A [Conn] is closed in the unwinding of its owner, after all of that owner's
//     goroutines have returned. Give it the owner of what uses it, or an older one. If the
//     Conn ends first, what uses it ends with an error, which [OnError] gets.
//   - Call [Conn.Drain] before Destroy if what has arrived is to be handled first.
//   - A handler may destroy any owner, its own too. As ever, Destroy does not wait there.
//
// # What is promised
//
//	                        local Publish      Subscribe, Bridge,     Consume, of what was
//	                        of a bus           Publish, Ask           published with Stored
//	delivered               once               at most once           at least once
//	order                   of the bus         of each publisher      of the stream, for all who
//	                                                                  share a durable
//	the publisher learns    handlers' errors   that it is in the      that it is stored
//	                                           connection's buffer
//	a handler is slow       Publish waits      dropped and counted    the stream grows
//	                                           when 512 Ki wait
//	a handler fails         error of Publish   reported               delivered again, then a
//	                                                                  dead letter
//	a handler's process     -                  lost                   delivered to another after
//	is killed                                                         AckWait
//	nobody is there         a letter           lost; Ask: ErrNobody   kept
//	the server restarts     -                  lost while it is       nothing that was stored is
//	                                           away                   lost
//
// With [Concurrency], Consume has no order.
//
// # Errors
//
//   - A call returns the errors that it can return. [OnError] gets those that come later.
//     Without OnError they are logged. [Conn.Stats] counts them.
//   - Misuse, such as a nil owner or a subject with white space, panics at the call, with a
//     message that names it, before anything changes.
//   - A panic in a handler is treated as one in a goroutine of an owner. It crashes the
//     program, unless there is a panic handler, see [tether.WithPanicHandler]. Then the
//     message counts as failed.
//
// # Traces
//
// The context of a handler has the headers traceparent, tracestate and baggage of its
// message, see [Trace]. They go out with what is sent with that context. [Publish] has no
// context, as a Fire has none.
//
// # Limits
//
//   - At least once means twice at times. That happens if the handler has returned, and
//     before the acknowledgement has arrived its process is killed, or the connection is
//     lost for longer than AckWait. A handler that may not run twice for one message must
//     remember [Msg.Sequence].
//   - If a server is killed, what it had not yet written to the disk survives the end of
//     its process, but not that of the machine. NATS calls fsync every two minutes, unless
//     [Server] sets SyncAlways.
//   - The [Codec] alone encodes the data of a message. The data has no schema.
//   - When the connection's buffer is full, Publish and Send may wait for the network, on
//     the goroutine that calls them. If that is wrong, put them on a queue, see [With].
//   - JetStream domains are not supported.
//   - [Conn.Drain] does not wait for queues. A handler on a queue has what the queue gives
//     it, see [tether.Finish].
//   - The context of a handler does not end if the message is delivered elsewhere
//     meanwhile.
//
// # Costs
//
//   - A [Subscribe] and a [Bridge] have one goroutine each, of nats.go.
//   - A [Reply] has one of nats.go, and one for each question that is being answered.
//   - A [Consume] has one, and one for each message that is handled at once.
//
// REPORT.md in the directory has figures, beside those of nats.go used by hand.
package tethernats
