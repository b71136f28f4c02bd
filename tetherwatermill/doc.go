// Package tetherwatermill gives owners to the messages of watermill's publishers and
// subscribers. So it does for the brokers that watermill has those for: Kafka, Redis, AMQP,
// SQL, NATS and others.
//
//	tether.Own(app, sub) // closed last
//	tether.Own(app, pub)
//
//	err := tetherwatermill.Subscribe(stock, sub, "orders", tetherwatermill.Decode(tetherwatermill.JSON,
//		func(ctx context.Context, m tetherwatermill.Msg[Order]) error { return reserve(ctx, m.Value) }))
//
//	tetherwatermill.Publish(app, &placed, pub, "orders", tetherwatermill.JSON) // whatever placed fires
//
// For NATS, package tethernats does more.
//
// # Ownership
//
//   - [Subscribe] makes a child of its owner. The child has the goroutines that take
//     messages in. While one of them handles a message, it has the handler too. At the
//     cut-off no more messages are handled.
//   - Destroy is a barrier. It waits for the handlers that run, then until the broker has
//     accepted their acks, then until the subscriber has ended the subscription. So a
//     handled message does not come again only because an owner has ended.
//   - [Publish] is a connection of its source. Destroy waits for a publish that runs.
//   - Neither of the two closes the subscriber or publisher. [tether.Own] does, in the
//     unwinding. Do not use [tether.OwnBlocking], which would close them at the cut-off,
//     before the acks.
//
// # Acks
//
//	the handler                              the message
//	returns nil                              is acked
//	returns an error                         is given to OnError, and nacked after Backoff
//	returns what Refuse has made             is given to OnError, and acked
//	panics, and there is a panic handler     is nacked after Backoff
//	panics, and there is none                has no ack when the program crashes
//	ends its goroutine                       is nacked; the subscription ends with ErrClosed
//	has not begun at the cut-off             is nacked, if it was delivered at all
//
// A subscriber takes an ack from a message on a goroutine of its own. It ends the message's
// context to say that it is done with the message. Destroy waits for that, at most as long
// as [Timeout]. Some contexts don't end then, for example that of a copy which a subscriber
// makes after a nack. In that case Destroy waits for a tenth of a second.
//
// # What is promised
//
// The promises depend on the broker, and on the subscriber that watermill has for it. The
// first two columns are tested here. The others are what the subscribers' sources say.
//
//	                       gochannel      Redis streams,     Redis streams,  NATS JetStream   Kafka, AMQP, SQL
//	                                      with a group       without         (pkg/nats)
//	delivered              at most once   at least once      at most once    at least once    at least once
//	after a nack           again at once  again at once      again at once   again at once    again: see there
//	nobody is there        lost           kept               lost            kept             kept
//	the process is killed  lost           another gets it    lost            after AckWait    another gets it
//	                                      after MaxIdleTime
//	delivered, not begun   lost           likewise           lost            likewise         likewise
//	at the end
//	handled, and acked     -              does not come      -               does not come    does not come again
//	before Destroy                        again                              again
//	has returned
//	order                  none           of the stream      of the stream   of the stream    of a partition or queue
//
// At least once means twice at times, so handlers must be idempotent. [Msg.UUID] is the
// same for every attempt. With [Concurrency] there is no order.
//
// # Errors
//
//   - A call returns the errors that it can return. [OnError] gets those that come later.
//     Without OnError they are logged.
//   - A message that always fails comes again for ever. If the order is kept, it holds up
//     those behind it. Bound that with the middleware of watermill, as the README shows, or
//     with [Refuse].
//   - Misuse, such as a nil owner or an empty topic, panics at the call, with a message
//     that names it, before anything changes.
//
// # Limits
//
//   - Destroy waits for a subscriber that does not close its channel when the context of
//     the subscription has ended. By watermill's contract all subscribers close it.
//   - Publish waits for the broker, on the goroutine that fires. With a queue it does not
//     wait there: see [With]. Few publishers heed the deadline of a message's context.
//   - A Fire has no context, so nothing from a context goes into the metadata.
//   - The package does not make missing topics, and knows nothing of groups and partitions.
//     That is for the configuration of the subscriber.
//
// # Costs
//
// A subscription has one goroutine, or as many as [Concurrency] says, and what the
// subscriber makes. A message takes two to three microseconds from channel to ack. Most of
// that is for the channels that watermill's messages have. The package allocates nothing
// for a message.
package tetherwatermill
