package state

import (
	"fmt"
	"reflect"

	"github.com/seed-ec287111/tether"
)

// A Change says what a value was and what it has become.
type Change[T any] struct{ Old, New T }

// A Readable is a value that can be read, used and watched: a [Value], a [Computed], a
// [Spring], a [Tween], a [Lens] or a [Resource].
type Readable[T any] interface {
	Get() T
	Use(use *Use) T
	Changes() tether.Source[Change[T]]
}

// An Option is an option of the values and effects that this package makes. [Name] is an
// option of all of them. The others are options of some, as their comments or those of the
// constructors say.
//
// Option has no type parameter, so that Name needs none at the call. In exchange an Equal
// of another type is found when the value is made, and not by the compiler.
type Option interface{ state(*config) }

type config struct {
	name  string
	equal any
	tween tweenConfig
}

type option func(*config)

func (f option) state(c *config) { f(c) }

// Name gives the value a name, for the chain of a [CycleError]. Without it, a computed
// value is called after the place of its function.
func Name(name string) Option { return option(func(c *config) { c.name = name }) }

// Equal arranges for values to be compared by equal, which decides whether there is a
// change. equal may run on any goroutine that sets or reads, with no lock held. It should
// be a pure function. For a [Computed] it is a part of the computing function.
//
// Without it, == decides. If == is not defined, for a slice or for what is in an interface,
// values count as different. A NaN differs from itself.
func Equal[T any](equal func(a, b T) bool) Option {
	if equal == nil {
		panic("state: Equal with nil function")
	}
	return option(func(c *config) { c.equal = equal })
}

// configure applies the options of a call that is not a tween's.
func configure(verb string, opts []Option) config {
	c := apply(verb, opts)
	if c.tween != (tweenConfig{}) {
		panic("state: " + verb + " with an option of tweens")
	}
	return c
}

func apply(verb string, opts []Option) (c config) {
	for _, opt := range opts {
		if opt == nil {
			panic("state: " + verb + " with nil option")
		}
		opt.state(&c)
	}
	return c
}

// equality returns the function that compares values of type T.
func equality[T any](verb string, c config) func(a, b T) bool {
	if c.equal != nil {
		equal, ok := c.equal.(func(a, b T) bool)
		if !ok {
			panic(fmt.Sprintf("state: %s of %v with Equal for another type, %T", verb, reflect.TypeFor[T](), c.equal))
		}
		return equal
	}
	t := reflect.TypeFor[T]()
	switch {
	case !t.Comparable():
		return func(T, T) bool { return false }
	case strict(t):
		return func(a, b T) bool { return any(a) == any(b) }
	default: // only the values show what is in an interface
		return func(a, b T) bool {
			return reflect.ValueOf(&a).Elem().Comparable() && reflect.ValueOf(&b).Elem().Comparable() && any(a) == any(b)
		}
	}
}

// strict reports whether == on a comparable type can't panic.
func strict(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface:
		return false
	case reflect.Array:
		return strict(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !strict(t.Field(i).Type) {
				return false
			}
		}
	}
	return true
}
