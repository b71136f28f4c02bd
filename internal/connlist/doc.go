// Package connlist has the list of connections that a signal keeps, in a shape that a
// firing goroutine can walk without a lock, and the walk itself: see fire.go.
//
// # Blocks
//
// The connections stand in blocks, arrays of entries of one priority in the order of
// connection. The blocks form a list, by descending priority and then by age. An entry is
// written before the block's length that covers it is published. After that only its
// handler word changes. The word is the handler, as the single pointer that a func value
// is, or nil while it must not be called. To clear it marks the connection dead and
// releases the closure, in one step.
//
// A block that is full, or in which most entries have ended, is replaced by a copy of what
// lives. A Fire may still walk the old block, and its words would be a second place to
// clear at every disconnect. So they are cleared when the copy is made, after the block was
// marked as replaced. A Fire that finds a nil word in such a block finds its place again in
// the list, by priority and number. The tempting wrong version leaves the old words alone.
// Then an old Fire still calls a handler that was disconnected after the copy.
//
// A block that is out of the list refers to no other block. So a Fire that is held for long
// keeps one block, and not all that came after it.
//
// # Snapshots
//
// Every connection has a number, and the list publishes the last one. A Fire reads it once
// and calls no connection with a larger one. Every version of a block that it walks has all
// live entries up to that number: a version is replaced as a whole, and its successor holds
// all that lived at that moment.
package connlist
