// Package hook has signals whose handlers answer. There are three kinds, as there are three
// things to ask: for an answer, for objections, and for help with an action.
//
//	var price hook.Hook[Item, Money]            // asked for answers
//	price.Handle(shop, lookUp)
//	p, err := price.First(ctx, item)            // of the first that has one
//	all, err := price.All(ctx, item)            // everyone's
//
//	var leaving hook.Veto[User]                 // asked for objections
//	leaving.Handle(editor, unsaved)
//	if err := leaving.Ask(ctx, ann); err == nil { ... }
//
//	var save hook.Chain[Doc, Version]           // wrapped around an action
//	save.Use(audit, func(ctx context.Context, d Doc, next func(context.Context, Doc) (Version, error)) (Version, error) {
//		start := time.Now()
//		defer func() { log.Println("saved in", time.Since(start)) }()
//		return next(ctx, d)
//	})
//	v, err := save.Run(ctx, doc, write)
//
// Only a link of a [Chain] has a next to call. Handlers of the others just return, so none
// of them can end the work of the rest because it forgot to.
//
// # Ownership
//
//   - Handlers are connected as to a [tether.Signal]: they have an owner, and end with it, or
//     by their [tether.Connection].
//   - Each call is one of its owner's: [tether.Owner.Destroy] waits for it, inside it Destroy
//     does not wait, and no cleanup of the owner runs meanwhile. A link of a chain runs for
//     its owner until it has returned, with all that its next does.
//   - A hook made by [New], [NewVeto] or [NewChain] closes with its owner. A zero one never
//     does.
//
// # Ordering and concurrency
//
//   - As in a Fire: handlers are called one after the other on the caller's goroutine, by
//     descending priority, then in order of connection. A call takes a snapshot: who is
//     connected after it began is not called; who is dead or muted at its turn is passed
//     over, by whatever way it died.
//   - All methods may be called by multiple goroutines at once, and from handlers, so one
//     handler may run on several goroutines at once. No lock is held while one runs.
//   - Connect synchronizes before every call made through it, and the return of a call
//     before every cleanup of its owner and before the return of Destroy.
//   - An answer is due on the caller, so [tether.On] panics.
//
// # Contexts
//
//   - The context that a handler gets ends when the caller's does and at the cut-off of the
//     handler's owner. It has the cause of the one that came first. So a handler that blocks
//     until its context ends lets go when its owner is destroyed.
//   - It has the values of the caller's, and the earlier one of the two deadlines.
//   - It ends when First, All, Ask or the link's call is over, at the latest. What outlives
//     that uses the owner's own context.
//   - If the caller's is [context.Background] or [context.TODO], the handler gets the one of
//     its owner, [tether.Owner.Context], with the values that it has.
//   - A context that has ended stops the call before the next handler.
//
// # Panics
//
//   - In First, Ask and Run a panic goes on to the caller at once, and in All when the others
//     have been called, as in a Fire; Goexit likewise.
//   - If the handler's owner has a panic handler, that is told, and the *[tether.PanicError]
//     is what the handler seems to have returned. So it is an answer to First, an error of
//     All, an objection, and the error of a link.
//   - Misuse panics at the call, before anything changes: a nil owner, function, option or
//     context.
//
// # Costs
//
//   - A call takes no lock and does not allocate where the caller's context is Background or
//     TODO, but for what All returns and two allocations for each link of a chain.
//   - Else it makes one context for each owner: one allocation, and some more if a handler
//     asks for Done. In a chain that is one for each row of links of one owner.
//   - To connect is as for a signal. The package has no goroutine.
package hook
