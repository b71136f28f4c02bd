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

// WithContext binds the owner to ctx. When ctx ends, the owner ends as if by [Owner.Cancel]
// with the cause of ctx. [Owner.Context] derives from ctx; for a child that is from ctx
// alone, without the values of the parent's context. If ctx has ended, the owner is ended
// from the start.
func WithContext(ctx context.Context) OwnerOption {
	if ctx == nil {
		panic("tether: WithContext with nil context")
	}
	return ownerOption(func(c *ownerConfig) { c.Context = ctx })
}

// WithPanicHandler arranges for panics of the owner's functions to be recovered and given to
// f. These functions are handlers, goroutines, timer functions, interrupts, cleanups, and
// those given to [WhileActive]. f runs on the goroutine that panicked. What called the
// function then goes on. Children inherit f unless they have one of their own. A panic in f
// itself is not recovered.
func WithPanicHandler(f func(*PanicError)) OwnerOption {
	if f == nil {
		panic("tether: WithPanicHandler with nil function")
	}
	return ownerOption(func(c *ownerConfig) {
		c.panicked = f
		c.Super = func(s *scope.Scope, value, fired any) { f(newPanicError(s, value, fired)) }
	})
}

// WithGrace makes [Run] stop waiting for its last Destroy after d, and return a
// *[PendingError]. It changes nothing for other owners.
func WithGrace(d time.Duration) OwnerOption {
	return ownerOption(func(c *ownerConfig) { c.grace = &d })
}

// Staged makes an owner whose parts still talk to each other while they end. The owner ends
// in stages. First its children end, newest first, each completely before the next is cut
// off. Then the owner itself is cut off, drained and unwound. So a child may rely on what
// older children offer until its own last cleanup has run.
//
// The owner is alive until its own cut-off. Once the stages have begun, only NewChild
// refuses: it returns a child that is ended from the start. The cause of the children is the
// one with which the stages began. The errors of their ends are part of what Destroy returns.
// The owner's own goroutines, handlers and cleanups end after all children. So does what it
// holds itself, such as a signal with [WhileActive] or a heartbeat. What must end between two
// children must be a child.
//
// The stages begin with Destroy, with the end of a context given to [WithContext] or [Run],
// or with an error of [Owner.GoErr]. In the last two cases they run on a goroutine of the
// teardown's own. To begin them with a cause, end such a context:
//
//	ctx, cancel := context.WithCancelCause(context.Background())
//	app := tether.NewOwner("app", tether.Staged(), tether.WithContext(ctx))
//
// [Owner.Cancel], and a DestroyContext whose context ends, cut off all that is left in one
// step. So does the cut-off of an ancestor that is not staged, so make the root staged.
// Staged children of a staged owner end depth first.
//
// Inside a handler, and in a goroutine of the subtree, Destroy does not wait. If nothing of
// the subtree runs, all has ended when Destroy returns. Otherwise it returns [ErrPending],
// and the stages go on elsewhere. A panic of a cleanup for which there is no panic handler
// goes on when the stages are complete, on the goroutine that runs them.
func Staged() OwnerOption {
	return ownerOption(func(c *ownerConfig) { c.Staged = true })
}

// Unattended makes a root owner that is not reported if it becomes garbage, see [OnLost]. It
// is for libraries whose types have a useful zero value and no Close, so that nobody can be
// asked to end them. What such an owner holds must become garbage together with it. For a
// child, Unattended changes nothing.
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
