package tether

import (
	"context"
	"runtime"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// An Owner is the scope in which connections, goroutines, timers, queues, cleanups and other
// owners live, and with which they end.
//
// An owner is alive until it is cut off: from then on nothing new starts in it. The cut-off
// is that of the owner itself or of an ancestor. It comes from Destroy or Cancel, from the
// end of a context that the owner is bound to, or from an error of [Owner.GoErr]. After the
// cut-off the owner is draining, while what runs in it returns; then unwinding, while its
// children and cleanups run; then ended. See [Owner.Destroy] for these phases. An owner that
// is not alive is called dead.
//
// All methods may be called by multiple goroutines at once.
//
// An Owner is a handle: in the library, only the handles of its descendants refer to it. So
// if a program drops a root owner without having destroyed it, the garbage collector can find
// that. The owner is then logged, once for each place that makes such owners, see [OnLost].
// It is not found while an owned goroutine runs, nor if something that lives refers to the
// owner, such as a handler on a live signal.
type Owner struct {
	scope  *scope.Scope
	parent *Owner // keeps the parent's handle alive
}

// check returns the scope, or panics if there is none.
func (o *Owner) check(op string) *scope.Scope {
	if o == nil || o.scope == nil {
		panic("tether: " + op + " with nil Owner")
	}
	return o.scope
}

// NewOwner returns a root owner. The program must destroy it, or bind it to a context that
// does, see [WithContext]. [Run] makes and destroys the owner of a whole main, request or
// test.
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

// NewChild returns a child of o. The child ends with o, or before it by its own Destroy; in
// that case o forgets it, in O(1). If o is dead, so is the child.
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
//     returns.
//   - Unwind: children and cleanups run in reverse order of registration, depth
//     first, like deferred calls.
//
// When Destroy returns, nothing of the subtree runs or ever will, and every cleanup has run
// exactly once. It returns the errors of closers given to [Own] and [OwnBlocking] and of
// functions given to [Owner.GoErr], joined. Destroy may be called any number of times, by any
// goroutines. Later calls wait too, and return the same.
//
// Destroy never waits for itself. Inside a handler, timer function, interrupt or cleanup, of
// whatever owner, it does not wait at all. If nothing of o runs, the teardown is complete
// when Destroy returns. Otherwise Destroy cuts o off and returns [ErrPending]. When the last
// function of the subtree returns, its goroutine completes the teardown, unless another call
// of Destroy waits and does that. If that function is a handler, this happens before the
// outermost Fire on its goroutine returns, at the latest.
//
// Inside a goroutine started by [Owner.Go], Destroy is a full barrier for owners that the
// goroutine does not belong to. For the goroutine's own owner and the ancestors of that, it
// returns ErrPending. It also does where two goroutines would wait for each other.
//
// Destroy hangs if it is called with a lock held that a handler of the subtree takes, as
// [sync.WaitGroup.Wait] would. Under locks use [Owner.Cancel].
//
// If a cleanup panics, the others still run. Then the panic goes on, on the goroutine that
// unwinds. Cost: linear in what the subtree holds. Destroy reads stacks only if something of
// the subtree runs.
func (o *Owner) Destroy() error {
	defer runtime.KeepAlive(o) // not lost: being destroyed
	return o.check("Destroy").Destroy()
}

// DestroyContext is Destroy for a caller that stops waiting when ctx ends. It then returns a
// *[PendingError] that names what still runs. The teardown goes on, and completes when that
// has returned.
//
// If ctx ended before the call, DestroyContext cuts off and does not wait. It returns nil
// only if there was nothing to wait for or to clean up.
//
// Interrupts and cleanups run on a goroutine of the teardown's own, so DestroyContext can
// give up on one that blocks. A panic there crashes the program, see [WithPanicHandler].
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

// Cancel cuts o and its subtree off and returns. It never waits, and it calls no user code on
// the calling goroutine, so it may be called under any lock. Interrupts run on a goroutine of
// the teardown's own, and so do the cleanups, when all has drained. Only methods of contexts
// are called: of those that owners are bound to, and in hooks and buses of those that running
// handlers were called with.
//
// cause becomes the cause of [Owner.Context]; nil means [ErrDestroyed], or if o is [Staged] and
// its stages have begun, the cause of these. If o is dead already, cause is ignored. To end an
// owner with a cause and wait for it, call Cancel and then DestroyContext. Cancel of a [Staged]
// owner passes over the stages: see there for how to begin them with a cause.
func (o *Owner) Cancel(cause error) {
	defer runtime.KeepAlive(o)
	o.check("Cancel").Cancel(cause)
}

// Alive reports whether o is alive: it has not been cut off.
func (o *Owner) Alive() bool { return o.check("Alive").Alive() }

// Ended returns a channel that is closed when o has ended: its teardown is complete.
func (o *Owner) Ended() <-chan struct{} { return o.check("Ended").Ended() }

// Context returns a context that is cancelled at the cut-off, and not before: when it is
// done, o is dead. Its Err is [context.Canceled]. Its cause is that of the cut-off: what
// Cancel was given, an error of [Owner.GoErr], the cause of the context that ended, or
// [ErrDestroyed].
//
// Context has the values and the deadline of the context that o was made with, or else of
// the one that its nearest ancestor with one was made with. An owner that is [Staged]
// outlives the deadline of its context, so it passes on the values only. The context is made
// on first use.
func (o *Owner) Context() context.Context { return o.check("Context").Context() }

// Name returns the name that o was made with, unchanged. Where others choose the names, log
// what String returns.
func (o *Owner) Name() string { return o.check("Name").Name() }

// Path returns the names from the root to o, unchanged, as in "app/lobby/ann".
func (o *Owner) Path() string { return o.check("Path").Path() }

// String returns o's path for a log or another text that people read. A name in it is quoted
// by [strconv.Quote] if it holds a slash, a character that is not printable by
// [strconv.IsPrint], or invalid UTF-8, or if it begins with a double quote. So whoever
// chooses a name can forge neither a line nor another owner's path. The errors of this
// package name owners in the same way.
func (o *Owner) String() string { return o.check("String").String() }

// Parent returns the owner that o is a child of, nil for a root. For an owner that
// [WhileActive] has made, it may return a new handle, if the one that the program had is
// garbage: it is the same owner, and has the same path.
func (o *Owner) Parent() *Owner {
	o.check("Parent")
	return o.parent
}

// Stats says how much a subtree of owners holds.
type Stats struct {
	Owners      int // that have not ended
	Connections int
	Goroutines  int // started by Go or Run
	Timers      int // pending or running
	Cleanups    int // registered by Defer or Own
}

// Stats counts what o and its descendants hold, by walking them. It is no snapshot if other
// goroutines change that meanwhile.
func (o *Owner) Stats() Stats { return Stats(o.check("Stats").Count()) }
