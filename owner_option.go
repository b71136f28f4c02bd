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

// WithContext has the owner destroyed when ctx ends, as if by [Owner.Cancel]
// with the context's cause, and [Owner.Context] derive from ctx. For a child,
// that is from ctx alone, without the values of the parent's. If ctx has ended,
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
