// Package keyed has an owner for each key: for each player, client, session or
// document, the scope of what belongs to it, or a value that lives as long as its owner.
//
//	players := keyed.New[string](app, "players")
//
//	ann := players.Get("ann")                    // app/players/ann, made on first use
//	said.Connect(ann, func(line string) { ... }) // lives as long as ann does
//	players.Destroy("ann")                       // ends all that is hers, and waits for it
//
//	rooms := keyed.NewMap(app, "rooms", func(o *tether.Owner, name string) *Room {
//		return newRoom(o, name)                  // what room needs, it gives o
//	})
//	rooms.Get("lobby").Join("ann")               // app/rooms/lobby, opened on first use
//	rooms.Destroy("lobby")
//
// # Map or Owners
//
// Take [Owners] where the owner is all there is: what belongs to the key is connected to
// it, started in it, handed to it. Take [Map] where the key stands for a thing: a value
// with fields and methods. With a table of one's own beside Owners, two tables have to be
// kept in step, and nobody deletes from the second when an owner ends by itself. In a
// Map the value is found exactly as long as its owner lives, and there is nothing to
// delete.
//
//   - Both make a key's owner on first use. Map calls open then, which makes the value,
//     and who comes meanwhile waits for that. So a Get of a Map may wait and may panic;
//     that of Owners does neither.
//   - Replace of Owners makes the fresh owner as soon as the old one is cut off: it can be
//     used before the old one has ended. That of a Map opens the fresh one when the
//     earlier ones have ended, and others wait for that.
//
// # Ownership
//
//   - The owners of a group are children of an owner of the group's own, and that
//     one is a child of the owner given to [New] or [NewMap]. So they end with it.
//   - A key is free again as soon as its owner is cut off, by whatever way:
//     [Owners.Destroy], the owner's own Destroy or Cancel, an ancestor, a context.
//     The next Get makes a fresh owner, and in a Map a fresh value.
//   - A key never has two live owners, however many calls race. It may have
//     earlier ones that were cut off and still drain or unwind.
//   - Get never waits for those. Replace and Destroy do: outside handlers, no earlier
//     owner of the key has anything left to run when they return. So a session that
//     saves when it ends has saved before the one that Replace returns loads.
//   - In a dead group, Get and Replace use a dead owner, as [tether.Owner.NewChild]
//     returns one: it starts nothing and loses nothing. Get of Owners returns one and
//     the same until that has ended. A Map makes a value each time, and keeps none.
//   - While a group that was made with [tether.Staged] ends, the owners whose turn has not
//     come are there as before. New ones are dead, as in a dead group.
//   - A group leaves no trace of a key whose owner has ended. An owner of a key
//     holds one cleanup of the group's, which [tether.Owner.Stats] counts.
//   - Nothing that the owners hold refers to the group. So a group does not keep
//     the collector from finding a root owner that nobody destroyed. A group that
//     nobody refers to is garbage, with its values; its owners live on with their parent.
//
// # Concurrency
//
// All methods may be called by any goroutine, and inside handlers and cleanups.
// There Replace and Destroy do not wait, as [tether.Owner.Destroy] does not. No
// lock is held while a key's String method, the function given to NewMap, a cleanup or a
// loop's body runs. The return of open synchronizes before the return of every call that
// returns its value.
//
// # Limits of a Map
//
//   - A Get that would wait for an open which waits for itself panics, and names the
//     keys: also by way of several keys, maps and goroutines. Not found is a circle by way
//     of a goroutine that open starts and waits for.
//   - While a Replace waits for an earlier owner, a Get of the key inside a handler of that
//     owner, on another goroutine, waits for the Replace, and so for itself: both hang. So
//     a handler uses the value that it belongs to, and does not get it by its key. In a
//     goroutine of that owner, and in a cleanup that Replace runs, such a Get panics.
//   - So does a longer way round: a goroutine of the earlier owner waits in a Destroy for
//     another owner, one of whose goroutines is in Get of the key. That hangs.
//   - In a group that has ended, open makes a value with an owner that has ended too. Such an
//     open is waited for by nobody: it may run after the Destroy of the group has returned.
//   - A Get holds up its goroutine for as long as another one's open takes.
//
// # Costs
//
// Get of a key that has an owner, and Lookup, take a mutex and a map lookup, and
// do not allocate. Making an owner, and a value, and ending it, takes about a
// microsecond; while it lives it takes some 420 bytes, besides the value itself.
package keyed
