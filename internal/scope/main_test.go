package scope

import (
	"context"
	"runtime"
	"testing"
	"weak"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// holding returns a closure, and a witness of what it holds.
func holding() (f func(), w weak.Pointer[[64]byte]) {
	v := new([64]byte)
	return func() { v[0]++ }, weak.Make(v)
}

// A counted context counts the functions that are to be called when it ends.
type counted struct {
	context.Context
	done chan struct{}
	held int
}

func (c *counted) Done() <-chan struct{} { return c.done }

func (c *counted) AfterFunc(func()) func() bool {
	c.held++
	return func() bool { c.held--; return true }
}

type closer func() error

func (f closer) Close() error { return f() }

// collected reports whether the collector takes what p points to.
func collected[T any](p weak.Pointer[T]) bool {
	for range 20 {
		if p.Value() == nil {
			return true
		}
		runtime.GC()
	}
	return false
}

func newRoot(name string) *Scope {
	s := New(name, Config{Site: 1})
	s.List(false)
	return s
}
