// Package keyed has an owner for each key: for each player, client, session or
// document, the scope of what belongs to it.
//
//	players := keyed.New[string](app, "players")
//
//	ann := players.Get("ann")                    // app/players/ann, made on first use
//	said.Connect(ann, func(line string) { ... }) // lives as long as ann does
//	players.Destroy("ann")                       // ends all that is hers, and waits for it
//
// # Ownership
//
//   - The owners of a group are children of an owner of the group's own, and that
//     one is a child of the owner given to [New]. So they end with it.
//   - A key is free again as soon as its owner is cut off, by whatever way:
//     [Owners.Destroy], the owner's own Destroy or Cancel, an ancestor, a context.
//     The next [Owners.Get] makes a fresh owner.
//   - A key never has two live owners, however many calls race. It may have
//     earlier ones that were cut off and still drain or unwind.
//   - Get never waits for those. [Owners.Replace] and Destroy do: outside
//     handlers, no earlier owner of the key has anything left to run when they
//     return. So a session that saves when it ends has saved before the one that
//     Replace returns loads.
//   - In a dead group, Get and Replace return a dead owner, as
//     [tether.Owner.NewChild] does: it starts nothing and loses nothing. Get
//     returns one and the same until that has ended.
//   - A group leaves no trace of a key whose owner has ended. An owner of a key
//     holds one cleanup of the group's, which [tether.Owner.Stats] counts.
//   - Nothing that the owners hold refers to the group. So a group does not keep
//     the collector from finding a root owner that nobody destroyed.
//
// # Concurrency
//
// All methods may be called by any goroutine, and inside handlers and cleanups.
// There Replace and Destroy do not wait, as [tether.Owner.Destroy] does not. No
// lock is held while a key's String method, a cleanup or a loop's body runs.
//
// # Costs
//
// Get of a key that has an owner, and Lookup, take a mutex and a map lookup, and
// do not allocate. Making an owner costs some microseconds.
package keyed
