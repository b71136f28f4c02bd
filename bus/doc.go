// Package bus has topics. A program publishes a value to a name, or to the value's Go type.
// The handlers of the topic get it, and neither side has to know the other.
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
// A [Topic] and a [Pattern] are each a [tether.Source]. So [tether.Wait], [tether.Values],
// queues and the other packages work with them.
//
// # Ownership
//
//   - Handlers are connected as on a [tether.Signal]: each has an owner, and ends with the
//     owner or by its [tether.Connection]. Each call belongs to the handler's owner, and
//     [tether.Owner.Destroy] waits for it.
//   - The bus has an owner too. At its cut-off all connections end. From then on Publish, Ask
//     and Reply return [ErrClosed].
//   - Topics and patterns have no owner. A name has state in the bus, and a type, only while
//     it has handlers. So has a pattern. A million names that were once used leave the heap
//     flat.
//
// # Names
//
//   - Names and patterns are tokens with dots between them, as those of NATS:
//     "orders.eu.placed". In a pattern the token * stands for any one token, and > at the end
//     stands for one or more tokens. White space and control characters are refused.
//   - A name or pattern that is not well formed panics. Check those that come from outside
//     with [CheckName] and [CheckPattern], which say what is wrong. [Token] makes one token of any
//     string.
//   - While a name has handlers of one type, Handle with another type panics, and Publish
//     with another type returns an error. A pattern matches topics of its own type. The
//     topic of a type has no name and matches no pattern.
//   - The type must be one that a value can have. An interface type panics.
//
// # Ordering and concurrency
//
//   - Publish calls the handlers of the topic and those of all patterns that match, in one
//     order: by descending priority and then in the order of connection. It calls them on the
//     calling goroutine. It leaves handlers connected with [tether.On] to their queue.
//   - Publish takes a snapshot. It does not call a handler that was connected after it began.
//     It skips a handler that is dead or muted when its turn comes. A pattern gets the topics
//     of now and all later ones.
//   - All methods may be called by multiple goroutines at once, and from handlers. So one
//     handler may run on several goroutines at once. No lock is held while one runs.
//   - Connect synchronizes before every call made through the connection. The return of a
//     call synchronizes before every cleanup of its owner, and before the return of Destroy.
//
// # Contexts
//
//   - A handler that Publish calls itself gets a context as in package hook. It ends with the
//     publisher's context, at the cut-off of the handler's owner, and when the call is over.
//     It has the values of the publisher's context.
//   - A handler on a queue gets the values of the publisher's context, but not its end. So an
//     event outlives the request that published it. The handler's context ends with the
//     handler's owner, and when the call is over.
//   - If the context has ended before Publish begins, Publish calls no handler. Once begun it
//     calls all of them.
//
// # Errors and letters
//
//   - A handler that fails does not keep others from being called. Publish returns the errors
//     of all handlers that it has called itself, each a *[HandlerError].
//   - The error of a handler on a queue becomes a [Letter], which is published to [Bus.Dead].
//     Once the bus has closed there is nobody to publish it to, and the error is dropped. So
//     make the bus in an older child of a [tether.Staged] owner than its handlers.
//   - A value that no handler got becomes a letter too. A [tether.Wait] or [tether.Values] on
//     the topic counts as a handler. A value that a full queue drops makes no letter:
//     [tether.Queue.Dropped] counts it.
//   - [Bus.Tap] gets everything that is published, before its handlers do. Dead and Tap make
//     no letters and no taps of their own, and do not count in Wanted or Topics. A handler of
//     Dead or Tap may publish with the context that it got: that makes neither letters nor
//     taps, also from a queue, and from handlers that pass the context on.
//   - A panic in a handler goes on to the caller of Publish when all handlers have been
//     called, as in a Fire. If the handler's owner has a panic handler, that one gets the
//     panic, and the *[tether.PanicError] is the handler's error. On a queue a panic is
//     treated as [tether.Queue] says.
//   - Misuse panics at the call, before anything changes.
//
// # Limits
//
//   - A [Topic.Once] on a queue is spent when its value is queued. That value is delivered
//     even if the bus ends before its turn comes.
//   - Two responders on two queues that ask each other wait for each other, until a context
//     ends. So does a goroutine that asks a responder on a [tether.Manual] queue which that
//     goroutine itself should drain.
//   - A question on a queue keeps its place until its turn, though its caller has given up. Then
//     it is passed over. So callers that go on asking a responder that is stuck make the queue
//     grow, by places that hold neither the question nor its context.
//   - The bus does not retry, and it does not keep values. There is no bus for the whole
//     program, and none for values without a type.
//
// # Costs
//
//   - Publish by a Topic that is kept takes no lock. It allocates nothing if the context is
//     [context.Background] or [context.TODO] and no handler fails. Patterns that do not match
//     cost nothing. The handlers of k patterns are merged: a step from one pattern to the
//     other takes O(log k).
//   - The first Publish of a Topic finds the patterns that match. So does the first one after
//     patterns of its type, or handlers of its name, have come or gone. It takes one step in
//     a tree for each token of the name, and one for each * on the way, however many other
//     patterns and topics there are.
//   - Handle takes the bus's mutex, and a few more allocations than Connect of a signal. The
//     package has no goroutine.
package bus
