package pool

import (
	"fmt"
	"reflect"
)

// An Option is an option of [New]. [Reset] and [Dispose] are for one type of item: New
// panics if the pool has another one.
type Option interface{ apply(*config) }

// A config is what options say, for items of any type. With an Option[T], each call of Limit
// and Prewarm would have to spell out T, because it can't be inferred there.
type config struct {
	limit, prewarm int
	reset, dispose any // func(T), or nil
}

type option func(*config)

func (f option) apply(c *config) { f(c) }

// Limit sets how many items may exist at once. Those on loan count, and those being made,
// reset or disposed of. If there are n, Acquire waits. Without this option there is no
// limit. Limit panics if n < 1.
func Limit(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("pool: Limit of %d", n))
	}
	return option(func(c *config) { c.limit = n })
}

// Prewarm arranges for [New] to make n idle items before it returns. If the function given
// to New returns an error, New makes no more of them. The pool then begins with fewer items,
// and the error is dropped: an Acquire that finds no idle item calls the function again and
// returns its error. Prewarm panics if n < 0.
func Prewarm(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("pool: Prewarm of %d", n))
	}
	return option(func(c *config) { c.prewarm = n })
}

// Reset arranges for f to be called with each item that comes back, on the goroutine that
// gives it back, before it is lent out again. If f panics or calls [runtime.Goexit], the
// item is disposed of. If the pool is not alive, f is not called. Reset panics if f is nil.
func Reset[T any](f func(T)) Option {
	if f == nil {
		panic("pool: Reset with nil function")
	}
	return option(func(c *config) { c.reset = f })
}

// Dispose arranges for f to be called once with each item that the pool lets go of. Idle
// items are disposed of when the pool's owner unwinds, on the goroutine that unwinds it.
// Other items are disposed of when they come back after that, are discarded, or could not
// be reset, on the goroutine that gives them back. Dispose panics if f is nil.
func Dispose[T any](f func(T)) Option {
	if f == nil {
		panic("pool: Dispose with nil function")
	}
	return option(func(c *config) { c.dispose = f })
}

// configure sets what opts say and returns how many items to prewarm.
func (p *Pool[T]) configure(opts []Option) (prewarm int) {
	var c config
	for _, opt := range opts {
		if opt == nil {
			panic("pool: New with nil option")
		}
		opt.apply(&c)
	}
	if c.limit > 0 && c.prewarm > c.limit {
		panic(fmt.Sprintf("pool: Prewarm of %d above Limit of %d", c.prewarm, c.limit))
	}
	p.limit = c.limit
	p.reset = hook[T]("Reset", c.reset)
	p.dispose = hook[T]("Dispose", c.dispose)
	return c.prewarm
}

func hook[T any](op string, f any) func(T) {
	if f == nil {
		return nil
	}
	of, ok := f.(func(T))
	if !ok {
		panic(fmt.Sprintf("pool: %s with a %T for items of type %v", op, f, reflect.TypeFor[T]()))
	}
	return of
}
