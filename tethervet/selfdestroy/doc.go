// Package selfdestroy reports code that counts on the end of the owner which waits for it.
//
// Destroy is a barrier, but not inside a handler, goroutine, timer function or cleanup
// of the very owner: it would wait for its caller. There it cuts off and returns
// ErrPending, and the teardown is completed when the function has returned.
//
// Wrong:
//
//	left.Connect(session, func(string) {
//		session.Destroy()
//		<-session.Ended() // hangs: it ends when this has returned
//		close(out)        // and a goroutine of the session may still send
//	})
//
// Right:
//
//	session.Defer(func() { close(out) }) // when nothing of it runs any more
//	left.Connect(session, func(string) { session.Destroy() })
//
// Reported are, in a function of an owner: a receive from its Ended, unless as one case
// of several; its Destroy's error taken for a failure of the program or the test, where
// nothing mentions ErrPending; and behind its Destroy, a read of what only a cleanup of
// the owner sets, and the closing of a channel on which others of its functions send.
//
// Not reported: what functions that it calls do; owners that may be another one.
//
// To silence one place, on its line or the one before, with a reason:
//
//	//tethervet:ignore selfdestroy the reason
package selfdestroy

import _ "embed"

//go:embed doc.go
var doc string
