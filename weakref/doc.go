// Package weakref has tables and subscriptions that do not keep things alive: data that is
// attached to an object and gone with it, a cache with one instance of each value while the
// value is in use, and connections that end with their target.
//
//	ages := weakref.NewMap[Conn, time.Time](app)      // weak keys
//	ages.Set(conn, time.Now())
//
//	fonts := weakref.NewCache[string, Font](app)      // weak values
//	f := fonts.Get("mono", func() *Font { return load("mono") })
//
//	weakref.Connect(app, &moved, sprite, (*Sprite).Move) // a weak target
//
// They are for objects whose end is not announced. If the program does announce it, an owner
// is the better tool. An owner ends things at a time that a test can name. A collector does
// it at some time, or never.
//
// # Ownership
//
//   - A table is emptied and closed in the unwinding of its owner, in turn with the
//     owner's cleanups. So cleanups that were registered later may still use it. A closed
//     table keeps nothing.
//   - A subscription ends with its owner, as any other does. It also ends with its target:
//     soon after the target was collected, and at the latest at the next value.
//   - An object in a table does not refer to the table, its owner or a signal. Nor do these
//     refer to the object. So neither side keeps the other alive, or hides a lost owner.
//   - Delete, the end of an owner and the end of a connection leave no trace on the object.
//     What was registered with the collector is taken back; for a connection this happens
//     at the collection after its end.
//   - An owner holds a cleanup for each of its tables, which [tether.Stats] counts. When a
//     table that is not in use is collected, the cleanup is taken back. Such a table leaves a
//     small record on each of its objects, as long as the object lives.
//
// # What the collector does not do
//
//   - Go has no ephemerons. A value in a [Map] that refers to its own key, directly or by
//     way of other objects, keeps the key and the entry for ever. So does a key in a
//     [Cache] that refers to its value.
//   - The method given to [Connect] must not capture the target. The method expression
//     (*Sprite).Move does not capture it. The method value sprite.Move does, and keeps the
//     sprite for as long as the connection lives.
//   - A tiny object, of less than 16 bytes and without pointers, shares its memory with
//     others, and may never be found collected. An object of size zero, or a variable of a
//     package, never is.
//   - Tables notice at the next collection, on a goroutine of the runtime, that an object
//     was collected. Until then Len counts it. All, Get and handlers do not show it.
//   - An object with a finalizer counts as collected once the finalizer is queued, even if
//     the finalizer makes the object reachable again.
//
// # Concurrency
//
// All methods may be called by multiple goroutines at once. No user code runs under a lock,
// and none runs on the runtime's goroutine. When an object is collected, that goroutine
// deletes an entry or disconnects a connection, and does nothing else.
//
// A weak pointer stands for an object, not for an address. So a collected object takes only
// its own entry with it. A new object at the same address, and a new value under the same
// key, have entries of their own.
//
// In a testing/synctest bubble the runtime's goroutine stays outside. There a connection
// whose target was collected ends at the next value.
package weakref
