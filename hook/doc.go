// Package hook has signals whose handlers answer. There are three kinds, for three things to
// ask for: an answer, an objection, and help with an action.
//
//	var price hook.Hook[Item, Money]            // asks for answers
//	price.Handle(shop, lookUp)
//	p, err := price.First(ctx, item)            // the first answer
//	all, err := price.All(ctx, item)            // all answers
//
//	var leaving hook.Veto[User]                 // asks for objections
//	leaving.Handle(editor, unsaved)
//	if err := leaving.Ask(ctx, ann); err == nil { ... }
//
//	var save hook.Chain[Doc, Version]           // is wrapped around an action
//	save.Use(audit, func(ctx context.Context, d Doc, next func(context.Context, Doc) (Version, error)) (Version, error) {
//		start := time.Now()
//		defer func() { log.Println("saved in", time.Since(start)) }()
//		return next(ctx, d)
//	})
//	v, err := save.Run(ctx, doc, write)
//
// Only a link of a [Chain] has a next to call. A handler of a [Hook] or [Veto] just returns. So
// none of them can stop the others because it forgot to call next.
//
// # Ownership
//
//   - Handlers are connected as on a [tether.Signal]: each has an owner, and ends with the
//     owner or by its [tether.Connection].
//   - Each call of a handler belongs to the handler's owner: [tether.Owner.Destroy] waits for
//     it, a Destroy inside it does not wait, and no cleanup of the owner runs meanwhile. The
//     call of a link lasts until the link has returned, with all that its next does.
//   - A hook made by [New], [NewVeto] or [NewChain] closes with its owner. A zero hook never
//     closes.
//
// # Ordering and concurrency
//
//   - Handlers are called as by a Fire: one after the other, on the calling goroutine, by
//     descending priority and then in the order of connection. A call takes a snapshot. It
//     does not call a handler that was connected after it began. It skips a handler that is
//     dead or muted when its turn comes.
//   - All methods may be called by multiple goroutines at once, and from handlers. So one
//     handler may run on several goroutines at once. No lock is held while one runs.
//   - Connect synchronizes before every call made through the connection. The return of a
//     call synchronizes before every cleanup of its owner, and before the return of Destroy.
//   - The caller waits for the answer, so a handler can't be on a queue: [tether.On] panics.
//
// # Contexts
//
//   - The context that a handler gets ends when the caller's context ends, and at the cut-off
//     of the handler's owner, with the cause of the one that came first. So a handler that
//     blocks until its context ends lets go when its owner is destroyed.
//   - It has the values of the caller's context, and the earlier of the two deadlines.
//   - It ends at the latest when First, All, Ask or the link's call is over. Work that goes
//     on after that must use the owner's own context.
//   - If the caller's context is [context.Background] or [context.TODO], the handler gets the
//     context of its owner, [tether.Owner.Context], with the values of that one.
//   - If the caller's context is the owner's own, or one that another handler of that owner
//     was given, the handler gets it as it is. It ends with the call that it was made for.
//   - If the caller's context has ended, the next handler is not called.
//
// # Panics
//
//   - A panic in First, Ask or Run goes on to the caller at once. A panic in All goes on when
//     the other handlers have been called, as in a Fire. The same holds for Goexit.
//   - If the handler's owner has a panic handler, that one gets the panic, and the call of the
//     handler counts as if it had returned the *[tether.PanicError]. That is an answer to
//     First, an error of All, an objection, or the error of a link.
//   - Misuse panics at the call, before anything changes: a nil owner, function, option or
//     context.
//
// # Costs
//
//   - If the caller's context is Background or TODO, a call takes no lock and allocates
//     nothing, but for the slice that All returns and two allocations for each link.
//   - Otherwise it makes one context for each owner, which is one allocation, and some more if
//     a handler asks for Done. In a chain it makes one for each row of links of one owner.
//   - To connect costs the same as on a signal. The package has no goroutine.
package hook
