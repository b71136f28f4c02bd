package state_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// The changes are fired by generic code, and so by an instance of its own.
func TestChanges_AHandlerThatDestroysItsOwnerDoesNotWaitForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := app(t)
		child := o.NewChild("child")
		x := state.NewValue(o, 0)
		var err error
		x.Changes().Connect(child, func(state.Change[int]) { err = child.Destroy() })
		x.Set(1)
		require.ErrorIs(t, err, tether.ErrPending)
		require.False(t, child.Alive())
	})
}
