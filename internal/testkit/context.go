package testkit

import (
	"context"
	"testing"
)

// A BrokenContext panics if it is asked for a value once Broken is set, as one does that takes
// all keys for strings.
type BrokenContext struct {
	context.Context
	Broken bool
}

// NewBrokenContext returns a context that ends with t.
func NewBrokenContext(t testing.TB, broken bool) *BrokenContext {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return &BrokenContext{ctx, broken}
}

// Value panics with "broken", or returns the value.
func (c *BrokenContext) Value(key any) any {
	if c.Broken {
		panic("broken")
	}
	return c.Context.Value(key)
}
