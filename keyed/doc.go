// Package keyed keeps an owner for each key. The key may be a player, a client, a session
// or a document, and its owner is the scope of all that belongs to it. A [Map] keeps a value
// for each key as well, which lives as long as its owner.
//
//	players := keyed.New[string](app, "players")
//
//	ann := players.Get("ann")                    // app/players/ann, made on first use
//	said.Connect(ann, func(line string) { ... }) // lives as long as ann does
//	players.Destroy("ann")                       // ends all that is hers, and waits for it
//
//	rooms := keyed.NewMap(app, "rooms", func(o *tether.Owner, name string) *Room {
//		return newRoom(o, name)                  // the room gives o what it needs
//	})
//	rooms.Get("lobby").Join("ann")               // app/rooms/lobby, opened on first use
//	rooms.Destroy("lobby")
//
// # Map or Owners
//
// Use [Owners] if the owner is all you need: you connect to it, start goroutines in it and
// hand things to it. Use [Map] if the key stands for a thing, a value with fields and methods.
// A Go map beside Owners would have to be kept in step with them, and nobody deletes from
// it when an owner ends by itself. A Map finds a value exactly as long as its owner lives,
// and there is nothing to delete.
//
//   - Both make the owner of a key on first use. A Map then calls open, which makes the
//     value. Other calls of Get for the key wait for open to return. So Get of a Map may wait
//     and may panic. Get of Owners does neither.
//   - Replace of Owners makes the fresh owner as soon as the old one is cut off. The fresh
//     one can be used before the old one has ended. Replace of a Map opens the fresh one
//     when the earlier ones have ended, and other callers wait for that.
//
// # Ownership
//
//   - Every Owners or Map is a group. A group has an owner of its own, which is a child of
//     the owner given to [New] or [NewMap]. The owners of the keys are children of the
//     group's owner, and end with it.
//   - A key is free again as soon as its owner is cut off, by [Owners.Destroy], by the
//     owner's own Destroy or Cancel, by an ancestor or by a context. The next Get makes a
//     fresh owner, and in a Map a fresh value.
//   - A key never has two live owners, however many calls race. It may have earlier ones
//     that were cut off and still drain or unwind.
//   - Get never waits for those. Replace and Destroy do: outside handlers, no earlier
//     owner of the key has anything left to run when they return. So a session that saves
//     when it ends has saved before its successor, which Replace returns, loads.
//   - In a group that is not alive, Get and Replace use a dead owner, as
//     [tether.Owner.NewChild] returns it: it starts nothing and loses nothing. Get of Owners
//     returns the same one until it has ended. A Map makes a value at each call, and keeps
//     none.
//   - While a group that was made with [tether.Staged] ends, Get still finds the owners
//     whose turn has not come. New ones are dead.
//   - A group keeps no trace of a key whose owner has ended. The owner of a key holds one
//     cleanup for the group, which [tether.Owner.Stats] counts.
//   - Nothing that the owners hold refers to the group. So a group does not keep the
//     collector from finding a root owner that nobody destroyed. A group that nothing
//     refers to is garbage, with its values. Its owners live on with their parent.
//
// # Concurrency
//
// All methods may be called by any goroutine, and inside handlers and cleanups. Inside
// those, Replace and Destroy do not wait, as [tether.Owner.Destroy] does not. No lock is
// held while a key's String method, the function given to NewMap, a cleanup or a loop's
// body runs. The return of open synchronizes before the return of every call that
// returns its value.
//
// # Limits of a Map
//
//   - If opens wait for each other in a circle, the Get that would close the circle panics
//     and names the keys. The circle may lead through several keys, maps and goroutines, and
//     through a Replace that waits for an open of before. A circle through a goroutine that
//     open starts and waits for is not found: it hangs.
//   - A handler must not get its own value by its key. While a Replace waits for the
//     handler's owner, such a Get waits for the Replace, and both hang. A handler uses the
//     value that it belongs to. In a goroutine of that owner, and in a cleanup that Replace
//     runs, such a Get panics.
//   - The same hang has a longer form: a goroutine of the earlier owner waits in a Destroy
//     for another owner, and a goroutine of that other owner is in Get of the key.
//   - In a group that has ended, open makes a value with an owner that has ended too. Nobody
//     waits for such an open: it may run after the Destroy of the group has returned.
//   - Get blocks its goroutine for as long as another goroutine's open of the key takes.
//
// # Costs
//
// Lookup, and Get of a key that has an owner, take a mutex and a map lookup, and do not
// allocate. To make the owner of a key with its value and to end it takes about a
// microsecond. While it lives it takes some 420 bytes besides the value itself.
package keyed
