package state_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// app returns an owner that is destroyed at the end of the test.
func app(t testing.TB) *tether.Owner {
	t.Helper()
	o := tether.NewOwner("app")
	t.Cleanup(func() { require.NoError(t, o.Destroy()) })
	return o
}

// counted returns a computed value and how often its function was called.
func counted[T any](o *tether.Owner, f func(*state.Use) T, opts ...state.Option) (*state.Computed[T], *int) {
	n := new(int)
	return state.NewComputed(o, func(use *state.Use) T {
		*n++
		return f(use)
	}, opts...), n
}

// log appends the changes of src to a slice.
func log[T any](o *tether.Owner, src tether.Source[state.Change[T]]) *[]state.Change[T] {
	got := new([]state.Change[T])
	src.Connect(o, func(c state.Change[T]) { *got = append(*got, c) })
	return got
}

// panicOf returns what f panics with, nil if it does not.
func panicOf(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
