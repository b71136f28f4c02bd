// Package underlock reports calls under a mutex that wait for what takes it.
//
// Destroy waits for the handlers, goroutines and cleanups of the owner. If one of them
// takes a lock that is held around the call, each waits for the other. Defer, Own,
// OwnBlocking and Interrupt are such calls, too: where the owner has ended, they run
// what they are given at once, on the caller.
//
// Wrong:
//
//	func (t *Table) Add(owner *tether.Owner, name string) {
//		t.mu.Lock()
//		defer t.mu.Unlock()
//		t.rows[name] = 1
//		owner.Defer(func() {
//			t.mu.Lock()
//			defer t.mu.Unlock()
//			delete(t.rows, name)
//		})
//	}
//
// Right:
//
//	t.mu.Lock()
//	t.rows[name] = 1
//	t.mu.Unlock()
//	owner.Defer(func() { ... })
//
// And for Destroy: Cancel, which never waits, or Destroy when the lock is free.
//
// Reported are Destroy and DestroyContext, also one call away, and Flush, Drain and
// Wait, where a handler, goroutine or cleanup of that owner, or of one that is known to
// live under it, takes the same mutex; both within one package.
//
// Not reported: mutexes and owners that may be those of two different things; locks
// that are taken in another function than the call that waits; inside handlers, where
// Destroy waits for nobody, what is not a cleanup.
//
// To silence one place, on its line or the one before, with a reason:
//
//	//tethervet:ignore underlock the reason
package underlock

import _ "embed"

//go:embed doc.go
var doc string
