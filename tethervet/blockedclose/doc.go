// Package blockedclose reports an Own of what an owned goroutine blocks in.
//
// Own closes when the owner unwinds, and that is after its goroutines have returned.
// One that reads from the connection, or accepts from the listener, returns when it is
// closed. So each waits for the other, and Destroy hangs until the peer hangs up.
//
// Wrong:
//
//	tether.Own(ann, conn)
//	ann.Go(func(ctx context.Context) { read(conn) })
//
// Right:
//
//	tether.OwnBlocking(ann, conn) // closed at the cut-off, before anything is waited for
//	ann.Go(func(ctx context.Context) { read(conn) })
//
// Reported are connections, listeners and the reading ends of pipes that are given to
// Own, and read or accepted from by a goroutine of the same owner, itself or by way of
// functions, also those of other packages that use the library. The suggested fix is
// OwnBlocking.
//
// Not reported: what anything else might close, give a deadline, or hand to a function
// that is not known; where the owner has an Interrupt; goroutines of a child.
//
// To silence one place, on its line or the one before, with a reason:
//
//	//tethervet:ignore blockedclose the reason
package blockedclose

import _ "embed"

//go:embed doc.go
var doc string
