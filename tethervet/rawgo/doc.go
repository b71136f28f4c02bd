// Package rawgo reports go statements that use what an owner ends.
//
// It is off by default; -rawgo.on turns it on.
//
// Destroy waits for what the owner knows: handlers, timers, and goroutines started by
// Go. A go statement is none of these. If it uses what the owner closes or cleans up,
// it may do so after that.
//
// Wrong:
//
//	tether.Own(owner, file)
//	said.Connect(owner, func(line string) {
//		go file.WriteString(line) // it may be closed by then
//	})
//
// Right:
//
//	said.Connect(owner, func(line string) {
//		owner.Go(func(context.Context) { file.WriteString(line) })
//	})
//
// Reported is a go statement in a handler, goroutine or timer function of an owner, that
// uses something which was given to Own or OwnBlocking with that owner, or which one
// of its cleanups closes or assigns to, or the owner itself.
//
// Not reported: where the function then waits for anything; what functions use that
// the goroutine calls.
//
// To silence one place, on its line or the one before, with a reason:
//
//	//tethervet:ignore rawgo the reason
package rawgo

import _ "embed"

//go:embed doc.go
var doc string
