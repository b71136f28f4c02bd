package pool_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/pool"
)

// A userContext is one of the user's own, whose methods may do anything.
type userContext struct {
	context.Context
	done func() <-chan struct{}
	err  func() error
}

func (c userContext) Done() <-chan struct{} { return c.done() }
func (c userContext) Err() error            { return c.err() }

// The place in the line stayed there, and the next item went to nobody. So did one that had
// come when the last look at the context panicked. A context that was done without an error
// got an item above the limit.
func TestAcquire_AContextThatIsOutOfOrderLosesNoItemAndMakesNone(t *testing.T) {
	closed := make(chan struct{})
	close(closed)
	calls := 0
	for name, ctx := range map[string]userContext{
		"Done panics": {done: func() <-chan struct{} { panic("Done") }, err: func() error { return nil }},
		"Err panics when the item has come": {done: func() <-chan struct{} { return nil }, err: func() error {
			if calls++; calls > 1 {
				panic("Err")
			}
			return nil
		}},
		"done without an error": {done: func() <-chan struct{} { return closed }, err: func() error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := tether.NewOwner("app")
				defer app.Destroy()
				made := 0
				p := pool.New(app, func() (int, error) { made++; return made, nil }, pool.Limit(1))
				first, err := p.Acquire(t.Context(), app)
				require.NoError(t, err)
				go func() {
					defer func() { _ = recover() }()
					l, err := p.Acquire(ctx, app)
					if l != nil || err == nil {
						t.Errorf("Acquire returns %v and %v", l, err)
					}
				}()
				synctest.Wait()
				require.True(t, first.Release())
				synctest.Wait()
				next, err := p.Acquire(t.Context(), app)
				require.NoError(t, err)
				require.Equal(t, 1, next.Value())
				require.Equal(t, pool.Stats{Leased: 1, Made: 1}, p.Stats())
			})
		})
	}
}
