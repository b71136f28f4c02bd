package tether

import (
	"context"
	"io"
	"runtime"
	"time"

	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// An Owner is the scope in which connections, goroutines, timers, queues,
// cleanups and other owners live, and with which they end.
//
// An owner is alive until it or an ancestor is destroyed or cancelled, or the
// context it is bound to ends. That is the cut-off, from which on nothing new
// starts in it. It has ended when its teardown is complete; see [Owner.Destroy].
// All methods may be called by multiple goroutines at once.
//
// An Owner is a handle: nothing in the library refers to it but the handles of
// its descendants. So if a root owner is dropped without having been destroyed,
// the garbage collector finds that, and it is logged, once per place that
// creates such owners. It is found neither while an owned goroutine runs, nor if
// a handler on a live signal, or another thing that lives, refers to the owner.
type Owner struct {
	scope  *scope.Scope
	parent *Owner // keeps the parent's handle alive
}

// check returns the scope, or panics if there is none.
func (o *Owner) check(verb string) *scope.Scope {
	if o == nil || o.scope == nil {
		panic("tether: " + verb + " with nil Owner")
	}
	return o.scope
}

// NewOwner returns a root owner. Somebody must destroy it, if only by way of
// [WithContext]. See [Run] for the one of a whole main, request or test.
func NewOwner(name string, opts ...OwnerOption) *Owner {
	c := configure("NewOwner", opts)
	c.Site = caller()
	o := &Owner{scope: scope.New(name, c.Config)}
	bound := c.Context != nil && c.Context.Done() != nil
	watched := !bound && !c.Unattended
	n := o.scope.List(watched)
	if watched {
		runtime.AddCleanup(o, reportLost, n)
	}
	if bound {
		o.scope.Bind(c.Context)
	}
	return o
}

// caller returns where the user's code called the function that calls it, perhaps by way
// of another package of the library.
func caller() uintptr { return goroutine.CallerOf(1) }

// NewChild returns an owner that ends with o, or before: by its own Destroy, in
// which case o forgets it, in O(1). Where o is dead, so is the child.
func (o *Owner) NewChild(name string, opts ...OwnerOption) *Owner {
	s := o.check("NewChild")
	c := configure("NewChild", opts)
	if scope.Observed() {
		c.Site = caller()
	}
	return &Owner{scope: s.NewChild(name, c.Config), parent: o}
}

// Destroy ends o and everything below it. It is a barrier, in three phases:
//
//   - Cut off: in the whole subtree nothing new starts. Connections end, signals
//     and queues close, timers stop, contexts are cancelled, interrupts run.
//   - Drain: every running handler, goroutine and timer function of the subtree
//     has returned.
//   - Unwind: children and cleanups run in reverse order of registration, depth
//     first, like deferred calls.
//
// When it returns, nothing of the subtree runs or ever will, and every cleanup
// has run exactly once. It returns what the closers given to [Own] returned,
// joined. Destroy may be called any number of times, by any goroutines: later
// calls wait too and return the same.
//
// It never waits for itself. Inside a handler, timer function, interrupt or
// cleanup, of whatever owner, it waits for nobody: if nothing of o runs, the
// teardown is complete when it returns; otherwise it cuts off and returns
// [ErrPending], and whoever leaves last completes the teardown, at the latest
// before the running Fire returns. Inside a goroutine started by [Owner.Go] it
// is a full barrier for owners that the goroutine does not belong to; for its
// own owner and ancestors, and where two goroutines would wait for each other,
// it returns ErrPending likewise.
//
// Destroy hangs if it is called with a lock held that a handler of the subtree
// takes, as [sync.WaitGroup.Wait] would; use [Owner.Cancel] under locks.
//
// A panic in a cleanup goes on to whoever unwinds, when the rest has run. Cost:
// linear in what the subtree holds. Only if something runs does it read stacks.
func (o *Owner) Destroy() error {
	defer runtime.KeepAlive(o) // not lost: being destroyed
	return o.check("Destroy").Destroy()
}

// DestroyContext is Destroy for a caller who stops waiting when ctx ends. It
// then returns a *[PendingError] that names what still runs; the teardown goes
// on and completes when that returns. If ctx has ended before, it cuts off,
// waits for nothing, and returns nil only if there was nothing to wait for or
// clean up.
//
// Cleanups run on a goroutine of the teardown's own, so that one that blocks is
// given up on too; a panic there crashes the program, see [WithPanicHandler].
// Inside a handler DestroyContext acts as Destroy.
func (o *Owner) DestroyContext(ctx context.Context) error {
	defer runtime.KeepAlive(o)
	s := o.check("DestroyContext")
	if ctx == nil {
		panic("tether: DestroyContext with nil context")
	}
	ok, err := s.DestroyContext(ctx)
	if ok {
		return err
	}
	return giveUp(ctx, s)
}

// Cancel cuts o and its subtree off and returns. It never waits, and calls no
// user code on the caller, so it may be called under any lock: interrupts, and
// when all has drained the cleanups, run on a goroutine of the teardown's own.
//
// cause becomes the cause of [Owner.Context]; nil means [ErrDestroyed]. If o is
// dead already, cause is ignored. To end an owner with a cause and wait for it, call
// Cancel and then DestroyContext. For one that is [Staged], Cancel passes over the
// stages: see there for the way to give these a cause.
func (o *Owner) Cancel(cause error) {
	defer runtime.KeepAlive(o)
	o.check("Cancel").Cancel(cause)
}

// Alive reports whether o has not been cut off.
func (o *Owner) Alive() bool { return o.check("Alive").Alive() }

// Ended returns a channel that is closed when the teardown is complete.
func (o *Owner) Ended() <-chan struct{} { return o.check("Ended").Ended() }

// Context returns a context that is cancelled at the cut-off, and not before:
// when it is done, o is dead. Its Err is [context.Canceled] and its cause that of
// the cut-off: what Cancel was given, the error of a [Owner.GoErr], the cause of the
// context which ended, or [ErrDestroyed]. It is made on first use and has the values
// and the deadline of the context that o, or else its nearest ancestor with one, was
// made with; but an owner that is [Staged] outlives the deadline of its context, and
// passes on the values only.
func (o *Owner) Context() context.Context { return o.check("Context").Context() }

// Name returns the name that o was made with, as it is. Where others choose it, log
// what String returns.
func (o *Owner) Name() string { return o.check("Name").Name() }

// Path returns the names from the root to o, as they are, as in "app/lobby/ann".
func (o *Owner) Path() string { return o.check("Path").Path() }

// String returns o's path for a log or another text that people read: a name in it
// that holds a slash, what is not printable by [strconv.IsPrint] or no UTF-8, or that
// begins with a double quote, is quoted as by [strconv.Quote]. So whoever chooses a
// name can forge neither a line nor another owner's path. The errors of this package
// name owners in the same way.
func (o *Owner) String() string { return o.check("String").String() }

// Parent returns the owner that o is a child of, nil for a root. An owner that
// [WhileActive] has made may have been given new handles for ancestors whose handles
// were garbage: they are the same owners, and so are their paths.
func (o *Owner) Parent() *Owner {
	o.check("Parent")
	return o.parent
}

// Stats says what a subtree of owners holds.
type Stats struct {
	Owners      int // that have not ended
	Connections int
	Goroutines  int // started by Go or Run
	Timers      int // pending or running
	Cleanups    int // registered by Defer or Own
}

// Stats counts what o and its descendants hold, by walking them. It is no
// snapshot while others change that.
func (o *Owner) Stats() Stats { return Stats(o.check("Stats").Count()) }

// Defer has cleanup called when o unwinds, after everything that ran in o's
// subtree has returned, and before what was registered earlier. stop takes that
// back and reports whether it did, as with [context.AfterFunc].
//
// Where o is unwinding or has ended, cleanup runs before Defer returns, on the
// caller: what is handed to an owner is never lost. So do not call Defer with a lock
// held that cleanup takes: register it after the unlock.
func (o *Owner) Defer(cleanup func()) (stop func() bool) {
	s := o.check("Defer")
	if cleanup == nil {
		panic("tether: Defer with nil function")
	}
	return s.Defer(cleanup)
}

// Interrupt arranges for f to be called at the cut-off, before anything is waited for:
// the place for what unblocks an owned goroutine. If that is a Close, [OwnBlocking] is
// shorter. f must not wait. Interrupts run newest first, on the goroutine that cuts off,
// or on one of the teardown's own under [Owner.Cancel] and for contexts. They count as
// running, and a Destroy inside one behaves as in a cleanup. stop takes f back and
// reports whether it did.
//
// Where o is dead, f runs before Interrupt returns, on the caller. So do not call
// Interrupt with a lock held that f takes.
func (o *Owner) Interrupt(f func()) (stop func() bool) {
	s := o.check("Interrupt")
	if f == nil {
		panic("tether: Interrupt with nil function")
	}
	return s.Interrupt(f)
}

// Own arranges for c to be closed when o unwinds, in turn with the cleanups, and returns
// c. It is for what is used until all of o has returned: a file, a database. What a
// goroutine of o blocks in belongs to [OwnBlocking], as Own would wait for that goroutine
// first.
//
// What Close returns is part of what Destroy returns. Where o is unwinding or has ended,
// c is closed before Own returns, on the caller; do not call Own with a lock held that
// Close takes. An error that comes too late for the first Destroy is part of what later
// ones return.
func Own[C io.Closer](o *Owner, c C) C {
	s := o.check("Own")
	if check.Nil(c) {
		panic("tether: Own with nil closer")
	}
	s.Own(c)
	return c
}

// OwnBlocking arranges for c to be closed at the cut-off of o, before anything is waited
// for, and returns c. It is for what goroutines of o block in: a connection, a listener, a
// pipe. Their Read or Accept returns then, they see that [Owner.Context] has ended, and
// return. What is used until all of o has returned belongs to [Own].
//
// c is closed once, as an interrupt is run, see [Owner.Interrupt]. What Close returns is
// part of what Destroy returns, unless it only says that c was closed before:
// [net.ErrClosed], [os.ErrClosed], [io.ErrClosedPipe], or a wrapped one. Joined errors are
// left out if each says so. Where o is dead, c is closed before OwnBlocking returns, on the
// caller; do not call it with a lock held that Close takes.
func OwnBlocking[C io.Closer](o *Owner, c C) C {
	s := o.check("OwnBlocking")
	if check.Nil(c) {
		panic("tether: OwnBlocking with nil closer")
	}
	s.OwnBlocking(c)
	return c
}

// Go runs f on a goroutine that belongs to o: Destroy waits for it. ctx is
// [Owner.Context]; f should return soon after it ends. Go returns false, and
// starts nothing, where o is dead.
func (o *Owner) Go(f func(ctx context.Context)) bool {
	s := o.check("Go")
	if f == nil {
		panic("tether: Go with nil function")
	}
	return s.Go(f)
}

// GoErr is [Owner.Go] for a function that can fail. The first error that is not nil ends o,
// as if by [Owner.Cancel]: it becomes the cause of [Owner.Context], and part of what Destroy
// and [Run] return. An owner that is [Staged] begins its stages with that cause.
//
// An error that comes later is part of what Destroy returns too, but not the cause. It is
// ignored if it only says that o ends: if it is, or wraps, [context.Canceled], the cause of
// o's end, or an error of use after Close, see [OwnBlocking]. Joined errors are ignored if
// each says so.
//
// A parent does not get the error of a child that ended by itself. Who wants it asks the
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

// AfterFunc runs f on a goroutine of its own after d, unless o is dead by then
// or stop was called; it then counts as running. stop reports whether it kept f
// from running. Where o is dead, AfterFunc does nothing.
func (o *Owner) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	s := o.check("AfterFunc")
	if f == nil {
		panic("tether: AfterFunc with nil function")
	}
	return s.AfterFunc(d, f)
}
