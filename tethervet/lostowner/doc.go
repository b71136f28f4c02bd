// Package lostowner reports owners that nobody can end.
//
// Whatever an owner holds lives until that owner ends. If nobody ends it, all of it
// leaks: handlers stay connected, goroutines run on, no cleanup runs. So what Destroy
// is to the things below an owner, somebody has to be to the owner.
//
// Wrong:
//
//	func serve(said *tether.Signal[string], s *Session) error {
//		owner := tether.NewOwner("session")
//		said.Connect(owner, s.Send)
//		if err := s.Greet(); err != nil {
//			return err // and the owner?
//		}
//		err := s.Serve()
//		owner.Destroy()
//		return err
//	}
//
// Right:
//
//	owner := tether.NewOwner("session")
//	defer owner.Destroy()
//
// Reported is a root owner, from NewOwner or a function that returns a new one, that
// is nowhere destroyed, cancelled, returned, stored or handed on; or not on a path
// that returns early; or whose only variable is assigned again. Where a defer is the
// cure, it is the suggested fix. A child is reported, as it ends with its parent, only
// if one path destroys it and another one, that returns an error, does not; or if a
// method makes one for each of many, by the name, that carries nothing but cleanups.
//
// To use an owner is not to end it. All functions of the library borrow the owners
// they are given, and so do functions that do nothing else with it than that; this is
// known across packages. Every other function is taken to keep it.
//
// Not reported: owners bound to a context that can end, or with options that can't be
// told; a path that goes by a branch or loop in which the owner is ended; what main
// makes, as its end is that of the program; what is made for a function that never
// returns.
//
// To silence one place, on its line or the one before, with a reason:
//
//	//tethervet:ignore lostowner the reason
package lostowner

import _ "embed"

//go:embed doc.go
var doc string
