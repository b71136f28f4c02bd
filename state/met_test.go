package state_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/state"
)

func TestUnwound_WhoIsOvertakenIsNotShownTheFailureOfWhatItUses(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	var seen []int
	children := 0
	child := state.NewComputed(o, func(*state.Use) int {
		children++
		done := make(chan struct{})
		go func() {
			defer close(done)
			x.Set(2)
		}()
		<-done
		panic("fail")
	})
	parent := state.NewComputed(o, func(use *state.Use) int {
		v := x.Use(use)
		defer func() {
			if recover() == "fail" {
				seen = append(seen, v)
				panic("failed too")
			}
		}()
		return v + child.Use(use)
	})
	require.Equal(t, "failed too", panicOf(func() { parent.Get() }))
	require.Equal(t, []int{2}, seen, "the run that saw 1 is unwound by another panic")
	require.Equal(t, 1, children, "the failure is a result")
}

// A dependency that is computed before its user is called, because it was used last time, may
// come to a panic that is no result. Then the user is called, and meets the panic itself.
func TestUnwound_APanicThatIsNoResultIsMetByWhoUsesTheValue(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	started, release := make(chan struct{}), make(chan struct{})
	slow := state.NewComputed(o, func(use *state.Use) int {
		if x.Peek(use) == 2 {
			close(started)
			<-release
		}
		return x.Use(use)
	})
	middle := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) + slow.Use(use) })
	met := ""
	user := state.NewComputed(o, func(use *state.Use) (v int) {
		defer func() {
			if p := recover(); p != nil {
				met, v = p.(string), -1
			}
		}()
		return 10 * middle.Use(use)
	})
	require.Equal(t, 20, user.Get())
	x.Set(2)
	done := make(chan struct{})
	go func() {
		defer close(done)
		slow.Get()
	}()
	<-started
	outer := state.NewComputed(o, func(*state.Use) int { return user.Get() }) // below a Get nothing waits
	require.Equal(t, -1, outer.Get())
	require.True(t, strings.HasPrefix(met, "state: Get inside a computing function has to wait for "), met)
	close(release)
	<-done
	require.Equal(t, 40, user.Get())
}
