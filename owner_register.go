package tether

import (
	"context"
	"io"
	"time"

	"github.com/seed-ec287111/tether/internal/check"
)

// Defer arranges for cleanup to be called when o unwinds: after everything that ran in o's
// subtree has returned, and before the cleanups registered earlier. stop takes cleanup back
// and reports whether it did, as with [context.AfterFunc].
//
// If o is unwinding or has ended, Defer calls cleanup before it returns, on the calling
// goroutine: what is handed to an owner is never lost. So do not call Defer with a lock held
// that cleanup takes. Register it after the unlock.
func (o *Owner) Defer(cleanup func()) (stop func() bool) {
	s := o.check("Defer")
	if cleanup == nil {
		panic("tether: Defer with nil function")
	}
	return s.Defer(cleanup)
}

// Interrupt arranges for f to be called at the cut-off, before anything is waited for. It is
// for what unblocks an owned goroutine. If that is a Close, [OwnBlocking] is shorter. f must
// not wait. stop takes f back and reports whether it did.
//
// Interrupts run newest first. If Destroy cuts off, they run on its goroutine; otherwise on
// one of the teardown's own. They count as running, and a Destroy inside one behaves as in a
// cleanup.
//
// If o is dead, Interrupt calls f before it returns, on the calling goroutine. So do not call
// Interrupt with a lock held that f takes.
func (o *Owner) Interrupt(f func()) (stop func() bool) {
	s := o.check("Interrupt")
	if f == nil {
		panic("tether: Interrupt with nil function")
	}
	return s.Interrupt(f)
}

// Own arranges for c to be closed when o unwinds, in turn with the cleanups, and returns c.
// It is for what is used until all of o has returned: a file, a database. What a goroutine of
// o blocks in belongs to [OwnBlocking], because Own would wait for that goroutine first.
//
// The error that Close returns is part of what Destroy returns. If o is unwinding or has
// ended, Own closes c before it returns, on the calling goroutine. So do not call Own with a
// lock held that Close takes. An error that comes too late for the first Destroy is part of
// what later ones return.
func Own[C io.Closer](o *Owner, c C) C {
	s := o.check("Own")
	if check.Nil(c) {
		panic("tether: Own with nil closer")
	}
	s.Own(c)
	return c
}

// OwnBlocking arranges for c to be closed at the cut-off of o, before anything is waited for,
// and returns c. It is for what goroutines of o block in: a connection, a listener, a pipe.
// Their Read or Accept then returns, they see that [Owner.Context] has ended, and return.
// What is used until all of o has returned belongs to [Own].
//
// c is closed once, as an interrupt is run, see [Owner.Interrupt]. The error that Close
// returns is part of what Destroy returns, unless it only says that c was closed before.
// An error says so if it is, or wraps, [net.ErrClosed], [os.ErrClosed] or
// [io.ErrClosedPipe]. Joined errors say so if each of them does.
//
// If o is dead, OwnBlocking closes c before it returns, on the calling goroutine. So do not
// call it with a lock held that Close takes.
func OwnBlocking[C io.Closer](o *Owner, c C) C {
	s := o.check("OwnBlocking")
	if check.Nil(c) {
		panic("tether: OwnBlocking with nil closer")
	}
	s.OwnBlocking(c)
	return c
}

// Go calls f on a new goroutine that belongs to o, and returns true: Destroy waits for f to
// return. ctx is [Owner.Context]; f should return soon after it ends. If o is dead, Go starts
// nothing and returns false.
func (o *Owner) Go(f func(ctx context.Context)) bool {
	s := o.check("Go")
	if f == nil {
		panic("tether: Go with nil function")
	}
	return s.Go(f)
}

// GoErr is [Owner.Go] for a function that can fail. The first error that is not nil ends o as
// [Owner.Cancel] does. It becomes the cause of [Owner.Context], and part of what Destroy and
// [Run] return. An owner that is [Staged] begins its stages with that cause.
//
// A later error is not the cause, but it is part of what Destroy returns. It is ignored if it
// only says that o ends: if it is, or wraps, [context.Canceled], the cause of o's end, or an
// error of use after Close, see [OwnBlocking]. Joined errors are ignored if each of them says
// so.
//
// If a child ended by itself, its parent does not get the child's error. To get it, ask the
// child:
//
//	<-child.Ended()
//	err := context.Cause(child.Context())
func (o *Owner) GoErr(f func(ctx context.Context) error) bool {
	s := o.check("GoErr")
	if f == nil {
		panic("tether: GoErr with nil function")
	}
	return s.GoErr(f)
}

// AfterFunc calls f after d, on a new goroutine, unless o is dead by then or stop was called.
// While f runs, it counts as running in o. stop reports whether it kept f from running. If o
// is dead, AfterFunc does nothing.
func (o *Owner) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	s := o.check("AfterFunc")
	if f == nil {
		panic("tether: AfterFunc with nil function")
	}
	return s.AfterFunc(d, f)
}
