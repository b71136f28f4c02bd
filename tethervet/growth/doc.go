// Package growth reports what a handler or an endless loop adds to an owner from outside.
//
// An owner holds what it is given until that ends or it does. A handler that connects
// to the owner of the code around it does so with every call, and nothing in sight
// would end it: the connections pile up, each is called with every value, and none is
// garbage.
//
// Wrong:
//
//	joined.Connect(app, func(s *Session) {
//		said.Connect(app, s.Send) // app is not what ends when s does
//	})
//
// Right:
//
//	joined.Connect(app, func(s *Session) {
//		said.Connect(s.owner, s.Send)
//	})
//
// Inside a handler, ask what the call is about, and take the owner of that, or make
// one, with NewChild, that something ends. What is to be called once belongs to Once.
//
// Reported are Connect, Defer, Interrupt, Own, OwnBlocking, NewChild without a use of
// the child, NewSignal, NewQueue and their like, also by way of functions of the same
// package; in handlers, in functions of WhileActive, NewComputed and keyed.NewMap, and
// in loops over Values, over a channel in an owned goroutine, and around Accept, a
// receive or Wait. Of Go only a function that leaves no other way than by the end of
// its context: one that returns leaves nothing behind, nor does a timer.
//
// Not reported: what stands in a branch or behind a guard, as it may be the first
// time; where the result is used; where the function ends anything, which may be what
// it has added; an owner or signal that depends on the call, or may be another one in
// the next; handlers of what by its name happens once: ready, started, closed.
//
// To silence one place, on its line or the one before, with a reason:
//
//	//tethervet:ignore growth the reason
package growth

import _ "embed"

//go:embed doc.go
var doc string
