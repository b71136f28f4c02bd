package state_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// An effect that sets nothing does not feed itself, however often another goroutine overtakes it.
func TestEffect_OneThatIsOvertakenAgainAndAgainDoesNotFeedItself(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	const n = 350
	begun, set := make(chan bool), make(chan bool)
	go func() {
		for i := range n {
			<-begun
			x.Set(i + 1)
			set <- true
		}
	}()
	runs := 0
	state.NewEffect(o, func(use *state.Use, _ *tether.Owner) {
		x.Use(use)
		if runs++; runs <= n {
			begun <- true
			<-set
		}
	})
	require.Equal(t, n+1, runs)
}
