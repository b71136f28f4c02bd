// Package weakref has tables and subscriptions that do not keep things alive: data
// attached to an object and gone with it, a cache with one instance of each value
// while anybody uses it, and connections that end with their target.
//
//	ages := weakref.NewMap[Conn, time.Time](app)      // weak keys
//	ages.Set(conn, time.Now())
//
//	fonts := weakref.NewCache[string, Font](app)      // weak values
//	f := fonts.Get("mono", func() *Font { return load("mono") })
//
//	weakref.Connect(app, &moved, sprite, (*Sprite).Move) // a weak target
//
// They are for objects whose end nobody announces. Where somebody does, an owner
// is the better tool: it ends things at a time that a test can name, while a
// collector does it at some time, or never.
//
// # Ownership
//
//   - A table is emptied and closed when its owner's unwinding comes to it: what
//     was registered with the owner later may still use it. A closed table keeps
//     nothing.
//   - A subscription ends with its owner, as any, and with its target: soon after
//     that was collected, at the latest when it is found dead at the next value.
//   - An object that is watched refers to no table, owner or signal, nor the
//     other way round: neither side keeps the other alive or hides a lost owner.
//   - Delete, the end of the owner and of a connection leave no trace on the
//     object: what was registered with the collector is taken back, for a
//     connection at the collection after its end.
//   - An owner holds a cleanup for each of its tables, which [tether.Stats] counts,
//     and which is taken back when a table that nobody uses is collected. Such a
//     table leaves a small record on each object, until that ends.
//
// # What the collector does not do
//
//   - There are no ephemerons in Go. A value in a [Map] that refers to its own
//     key, by however many steps, keeps that key, and the entry, for ever; so does
//     a key in a [Cache] that refers to its value.
//   - The method given to [Connect] must not capture the target. A method
//     expression, (*Sprite).Move, does not; the method value sprite.Move does, and
//     keeps the sprite for as long as the connection lives.
//   - Tiny objects, of less than 16 bytes and without pointers, share their memory
//     with others and may never be found dead. Objects of size zero, and variables
//     of packages, are not.
//   - A collected object is noticed at the next collection, on a goroutine of the
//     runtime's. Until then Len counts it; All, Get and handlers do not show it.
//   - An object with a finalizer is dead for a table once that is queued, even if
//     the finalizer brings it back.
//
// # Concurrency
//
// All methods may be called by multiple goroutines at once. No user code runs
// under a lock, and none runs on the runtime's goroutine: when an object is
// collected, an entry is deleted or a connection disconnected there, that is all.
//
// An entry is deleted only if it is the one that was made for the object which was
// collected. A new object at the same address, or a new value under the same key,
// is another one: a weak pointer stands for an object, not for an address.
//
// In a testing/synctest bubble the runtime's goroutine stays outside. There a
// connection whose target was collected ends at the next value only.
package weakref
