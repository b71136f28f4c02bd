// Package bus has topics: values are published to a name or to their Go type, and those who
// handle them need not know who publishes.
//
//	b := bus.New(app, "bus")
//
//	placed := bus.Named[Order](b, "orders.eu.placed")        // keep it: a handle
//	placed.Handle(stock, func(ctx context.Context, o Order) error { return reserve(ctx, o) })
//	bus.Matching[Order](b, "orders.*.placed").Connect(log, func(m bus.Message[Order]) {
//		slog.Info("placed", "topic", m.Topic, "order", m.Value)
//	})
//	err := placed.Publish(ctx, Order{ID: 7})                  // the errors of all handlers
//
//	bus.For[Started](b).Connect(app, started)                 // the topic of a type
//	bus.Reply(shop, b, priceOf)                               // questions have one responder
//	p, err := bus.Ask[Price](ctx, b, PriceOf{"ham"})
//
// A [Topic] and a [Pattern] are each a [tether.Source], so [tether.Wait], [tether.Values],
// queues and the other packages go with them.
//
// # Ownership
//
//   - Handlers are connected as to a [tether.Signal]: they have an owner, and end with it, or
//     by their [tether.Connection]. Each call is one of its owner's, which
//     [tether.Owner.Destroy] waits for.
//   - The bus belongs to an owner too. At its cut-off all connections end; Publish, Ask and
//     Reply return [ErrClosed] from then on.
//   - Topics and patterns belong to nobody. A name has state, and a type, while it has
//     handlers; a pattern has state while it has. What is left of a name after that is what
//     the user keeps, the handle. A million names once used leave the heap flat.
//
// # Names
//
//   - Names and patterns are tokens with dots between, as those of NATS: "orders.eu.placed".
//     In a pattern * stands for any one token and > at the end for one or more. Both are
//     whole tokens. White space and control characters are refused.
//   - What is not well formed panics. For names from outside there are [CheckName] and
//     [CheckPattern], which say what is wrong; [Token] makes one token of any string.
//   - While a name has handlers of one type, Handle with another panics, and Publish returns
//     an error. Patterns match topics of their own type. The topic of a type has no name and
//     matches no pattern.
//   - Types are Go types that a value can have: an interface type panics.
//
// # Ordering and concurrency
//
//   - Publish calls the handlers of the topic and those of all patterns that match in one
//     order: by descending priority, then in the order of connection, whichever of them they
//     are connected to. It runs them on the caller's goroutine, but those connected with
//     [tether.On] on their queue.
//   - It takes a snapshot: who is connected after it began is not called, and who is dead or
//     muted at its turn is passed over. Patterns get the topics of now and all later ones.
//   - All methods may be called by multiple goroutines at once, and from handlers, so one
//     handler may run on several goroutines at once. No lock is held while one runs.
//   - Connect synchronizes before every call made through it, and the return of a call
//     before every cleanup of its owner and before the return of Destroy.
//
// # Contexts
//
//   - A handler that is called directly gets a context as in package hook: it ends with the
//     publisher's, at the cut-off of the handler's owner, and when the call is over. It has
//     the publisher's values.
//   - One on a queue gets the publisher's values, and not its end: a request is over when
//     its event is handled. Its context ends with the handler's owner, and when the call is
//     over.
//   - Publish with a context that has ended calls nobody. Once begun it calls everyone.
//
// # Errors and letters
//
//   - A handler that fails keeps nobody else from being called. Publish returns the errors
//     of all that it has called itself, each a *[HandlerError].
//   - What a handler on a queue returns becomes a [Letter], published to [Bus.Dead]. So does
//     a value that nobody got. What a full queue drops is counted there, see
//     [tether.Queue.Dropped].
//   - [Bus.Tap] gets everything that is published, before its handlers. Dead and Tap make no
//     letters and taps of their own, and do not count in Wanted or Topics. What one of their
//     handlers publishes with the context that it got makes neither, also from a queue, and
//     from handlers that pass the context on.
//   - A panic goes on to who publishes when all have been called, as in a Fire. If the
//     handler's owner has a panic handler, that is told, and the *[tether.PanicError] is the
//     handler's error. On a queue it is as in [tether.Queue].
//   - Misuse panics at the call, before anything changes.
//
// # Limits
//
//   - A [Topic.Once] on a queue is spent when its value is queued. That value is delivered
//     even if the bus ends before its turn comes.
//   - Two responders on two queues that ask each other wait for each other, until a context
//     ends. So does who asks a responder on a [tether.Manual] queue on the goroutine that is
//     to drain it.
//   - Handlers are called in place: there are no retries, and nothing is kept. Nor is there a
//     bus for the whole program, nor one of values without a type.
//
// # Costs
//
//   - Publish by a Topic that is kept takes no lock and does not allocate where the context
//     is [context.Background] or [context.TODO] and nobody fails. It costs nothing for
//     patterns that do not match. The handlers of several patterns are merged: a step from
//     one to the other takes O(log k) of k.
//   - The first Publish of a Topic, and the first one after patterns of its type, or its own
//     state, have come or gone, finds the patterns anew: one step in a tree for each token of
//     the name and one for each * on the way, however many other patterns and topics there
//     are.
//   - Handle takes the bus's mutex, and a few more allocations than Connect of a signal. The
//     package has no goroutine.
package bus
