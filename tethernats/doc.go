// Package tethernats takes events beyond one process, on NATS: what is fired in one process is
// handled in others, or stored until somebody has handled it. As in package tether, whatever
// lives on has an owner, and Destroy of it is a barrier.
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
//   - [Subscribe], [Consume], [Reply] and [Bridge] each make a child of the owner that they are
//     given. At its cut-off nothing more is handled. Destroy waits for the handlers that run.
//   - [Consume] also waits until the server has accepted what its handlers have acknowledged, and
//     gives back at once what it had fetched and not begun. So when Destroy has returned, the
//     next process has all that is left, and nothing of this one is handled twice.
//   - A [Conn] is closed in the unwinding of its owner, after all of that owner's goroutines
//     have returned. Give it the owner of what uses it, or an older one: if the Conn ends first,
//     the others end with an error that [OnError] is told.
//   - [Conn.Drain] is for before Destroy: it has what has arrived handled first.
//   - A handler may destroy any owner, its own too: as ever it does not wait there.
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
//   - What a call can return it returns. What goes wrong later is told to [OnError], else it is
//     logged. [Conn.Stats] counts it.
//   - Misuse, such as a nil owner or a subject with white space, panics at the call, with a
//     message that names it, before anything changes.
//   - A panic in a handler is as in a goroutine of an owner: it crashes the program, unless
//     there is a panic handler, see [tether.WithPanicHandler]. Then the message counts as failed.
//
// # Traces
//
// The headers traceparent, tracestate and baggage of a message are in the context of its
// handler, see [Trace], and go out with what is sent with that context. [Publish] has no
// context, as a Fire has none.
//
// # Limits
//
//   - At least once means twice at times: if a handler has returned and its process is killed,
//     or the connection lost for longer than AckWait, before the acknowledgement has arrived. A
//     handler that may not run twice for one message remembers [Msg.Sequence].
//   - What a killed server had not yet written to the disk survives the end of its process, not
//     that of the machine: NATS calls fsync every two minutes, unless [Server] sets SyncAlways.
//   - The data of a message is encoded by the [Codec] alone: it has no schema.
//   - Publish and Send may wait for the network when the connection's buffer is full, with the
//     goroutine that calls them. Put them on a queue where that is wrong, see [With].
//   - JetStream domains are not supported.
//   - Handlers that are on a queue have what the queue gives them: [Conn.Drain] does not wait for
//     queues, see [tether.Finish].
//   - The context of a handler does not end if the message is delivered elsewhere meanwhile.
//
// # Costs
//
// A [Subscribe], a [Reply] and a [Bridge] have one goroutine each, of nats.go; a Reply also one for
// each question that is answered; a [Consume] has one, and one for each message that is handled
// at once. REPORT.md in the directory has figures, beside nats.go used by hand.
package tethernats
