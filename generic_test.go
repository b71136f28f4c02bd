package tether_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// A pairing is a generic type of the user's that fires.
type pairing[T any] struct{ changed *tether.Signal[pair[T]] }

type pair[T any] struct{ now T }

//go:noinline
func (p *pairing[T]) set(v T) { p.changed.Fire(pair[T]{now: v}) }

func (p *pairing[T]) changes() tether.Source[pair[T]] { return p.changed }

// The compiler makes a Fire for the generic code and another one for the concrete type.
func TestDestroy_InAHandlerThatGenericCodeFiresDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		p := &pairing[int]{tether.NewSignal[pair[int]](app)}
		var err error
		p.changes().Connect(app, func(pair[int]) { err = app.Destroy() })
		p.set(1)
		require.ErrorIs(t, err, tether.ErrPending)
		require.NoError(t, app.Destroy())
	})
}
