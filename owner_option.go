package tether

import (
	"context"
	"time"

	"github.com/seed-ec287111/tether/internal/scope"
)

// An OwnerOption is an option of [NewOwner], [Owner.NewChild] and [Run].
type OwnerOption interface{ owner(*ownerConfig) }

type ownerConfig struct {
	scope.Config
	panicked func(*PanicError)
	grace    *time.Duration
}

type ownerOption func(*ownerConfig)

func (f ownerOption) owner(c *ownerConfig) { f(c) }

// WithContext arranges for the owner to be destroyed when ctx ends, as if by
// [Owner.Cancel] with the context's cause, and for [Owner.Context] to derive from ctx. For
// a child, that is from ctx alone, without the values of the parent's. If ctx has ended,
// the owner is born ended.
func WithContext(ctx context.Context) OwnerOption {
	if ctx == nil {
		panic("tether: WithContext with nil context")
	}
	return ownerOption(func(c *ownerConfig) { c.Context = ctx })
}

// WithPanicHandler has panics of the owner's handlers, goroutines, timer
// functions, interrupts and cleanups, and of functions given to [WhileActive],
// recovered and given to f, which runs on the goroutine that panicked, while what
// called the function goes on. Children
// inherit it unless they have their own. A panic in f itself takes its course.
func WithPanicHandler(f func(*PanicError)) OwnerOption {
	if f == nil {
		panic("tether: WithPanicHandler with nil function")
	}
	return ownerOption(func(c *ownerConfig) {
		c.panicked = f
		c.Super = func(s *scope.Scope, value, fired any) { f(newPanicError(s, value, fired)) }
	})
}

// WithGrace has [Run] give up waiting for its last Destroy after d, with a
// *[PendingError]. It changes nothing for other owners.
func WithGrace(d time.Duration) OwnerOption {
	return ownerOption(func(c *ownerConfig) { c.grace = &d })
}

// Staged makes an owner whose parts still talk to each other while they end. It ends in
// stages: first its children, newest first, each completely before the next is cut off;
// then comes its own cut-off, drain and unwinding. So a child may rely on what older
// children offer until its own last cleanup has run.
//
// Until its own cut-off the owner is alive, and only NewChild refuses: from the beginning
// of the stages it returns a child that is born ended. The cause of the children is that
// with which the stages began, and the errors of their ends are part of what Destroy
// returns. The owner's own goroutines, handlers and cleanups end after all children. What
// must end between two children is a child. What the owner holds itself, such as a signal
// with [WhileActive] or a heartbeat, works until then.
//
// The stages begin with Destroy, with the end of a context given to [WithContext] or [Run],
// and with an error of [Owner.GoErr]; the last two on a goroutine of the teardown's own. To
// begin them with a cause, end such a context:
//
//	ctx, cancel := context.WithCancelCause(context.Background())
//	app := tether.NewOwner("app", tether.Staged(), tether.WithContext(ctx))
//
// [Owner.Cancel], and a DestroyContext whose context ends, cut off all that is left in one
// step. So does the cut-off of an ancestor that is not staged: make the root staged. Staged
// children of a staged owner end depth first.
//
// Inside a handler, and in a goroutine of the subtree, Destroy does not wait: if nothing of
// the subtree runs, all has ended when it returns; otherwise it returns [ErrPending] and the
// stages go on elsewhere. A panic of a cleanup that is not supervised goes on to whoever
// runs the stages, when these are over.
func Staged() OwnerOption {
	return ownerOption(func(c *ownerConfig) { c.Staged = true })
}

// Unattended makes a root owner that is not reported if it becomes garbage, see [OnLost]. It
// is for libraries whose types have a useful zero value and no Close, so that nobody can be
// asked to end them: what such an owner holds must be garbage together with it. It changes
// nothing for children.
func Unattended() OwnerOption {
	return ownerOption(func(c *ownerConfig) { c.Unattended = true })
}

func configure(op string, opts []OwnerOption) ownerConfig {
	if len(opts) == 0 {
		return ownerConfig{} // without the allocation that the loop needs
	}
	var c ownerConfig
	for _, opt := range opts {
		if opt == nil {
			panic("tether: " + op + " with nil option")
		}
		opt.owner(&c)
	}
	return c
}
