package tether_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestGoErr_TheFirstErrorEndsTheOwner(t *testing.T) {
	first := errors.New("first")
	o := tether.NewOwner("o")
	require.True(t, o.GoErr(func(context.Context) error { return nil }))
	require.True(t, o.GoErr(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }))
	require.True(t, o.GoErr(func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }))
	require.True(t, o.GoErr(func(ctx context.Context) error { <-ctx.Done(); return net.ErrClosed }))
	require.True(t, o.GoErr(func(ctx context.Context) error {
		<-ctx.Done()
		return errors.Join(fmt.Errorf("read: %w", net.ErrClosed), fmt.Errorf("told: %w", ctx.Err()))
	}))
	require.True(t, o.Alive())
	require.True(t, o.GoErr(func(context.Context) error { return first }))
	<-o.Ended()
	require.Equal(t, first, context.Cause(o.Context()))
	require.Equal(t, first, o.Destroy())
	require.False(t, o.GoErr(func(context.Context) error { panic("it started") }))
}

func TestGoErr_EveryRealErrorIsJoined(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		first, second, third := errors.New("first"), errors.New("second"), errors.New("third")
		o := tether.NewOwner("o")
		later := make(chan bool)
		o.GoErr(func(ctx context.Context) error { <-ctx.Done(); defer close(later); return second })
		o.GoErr(func(ctx context.Context) error { <-later; return errors.Join(third, ctx.Err()) })
		o.GoErr(func(context.Context) error { return first })
		<-o.Ended()
		err := o.Destroy()
		require.Equal(t, first, context.Cause(o.Context()))
		for _, e := range []error{first, second, third} {
			require.ErrorIs(t, err, e)
		}
	})
}

func TestGoErr_OfConcurrentErrorsOneIsTheCauseAndAllAreTold(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for range 200 {
			o := tether.NewOwner("o")
			all := make([]error, 4)
			for i := range all {
				all[i] = fmt.Errorf("error %d", i)
				o.GoErr(func(context.Context) error { return all[i] })
			}
			<-o.Ended()
			err := o.Destroy()
			n := 0
			for _, e := range all { // those that began before the end
				if errors.Is(err, e) {
					n++
				}
			}
			require.Positive(t, n)
			require.ErrorIs(t, err, context.Cause(o.Context()))
		}
	})
}

func TestGoErr_AChildsErrorIsTheChildsUnlessItEndsWithItsParent(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		reason := errors.New("reason")
		root := tether.NewOwner("root")
		child := root.NewChild("child")
		child.GoErr(func(context.Context) error { return reason })
		<-child.Ended()
		require.Equal(t, reason, context.Cause(child.Context()))
		require.True(t, root.Alive())
		another := root.NewChild("another")
		another.GoErr(func(ctx context.Context) error { <-ctx.Done(); return reason })
		require.Equal(t, reason, root.Destroy())
	})
}

func TestGoErr_RunReturnsItOnce(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		reason := errors.New("reason")
		fails := func(app *tether.Owner) {
			app.GoErr(func(context.Context) error { return reason })
			<-app.Context().Done()
		}
		for _, opts := range [][]tether.OwnerOption{nil, {tether.Staged()}} {
			err := tether.Run(context.Background(), "app", func(app *tether.Owner) error {
				fails(app)
				return nil
			}, opts...)
			require.Equal(t, reason, err)
			err = tether.Run(context.Background(), "app", func(app *tether.Owner) error {
				fails(app)
				return context.Cause(app.Context())
			}, opts...)
			require.Equal(t, reason, err)
			err = tether.Run(context.Background(), "app", func(app *tether.Owner) error {
				fails(app)
				return io.EOF
			}, opts...)
			require.ErrorIs(t, err, io.EOF)
			require.ErrorIs(t, err, reason)
		}
	})
}

func TestGoErr_RunThatGivesUpTellsIt(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		reason := errors.New("reason")
		release := make(chan bool)
		var root *tether.Owner
		err := tether.Run(context.Background(), "app", func(app *tether.Owner) error {
			root = app
			app.Go(func(context.Context) { <-release })
			app.GoErr(func(context.Context) error { return reason })
			<-app.Context().Done()
			return nil
		}, tether.WithGrace(time.Millisecond))
		require.ErrorIs(t, err, reason)
		require.ErrorIs(t, err, tether.ErrPending)
		close(release)
		<-root.Ended()
	})
}

func TestGoErr_IsNamedByTheUsersFunctionAndSupervised(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var got *tether.PanicError
		o := tether.NewOwner("o", tether.WithPanicHandler(func(p *tether.PanicError) { got = p }))
		o.GoErr(func(context.Context) error { panic("oh") })
		release := make(chan bool)
		o.GoErr(func(context.Context) error { <-release; return nil })
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		err := o.DestroyContext(ctx)
		require.ErrorContains(t, err, "goroutine github.com/seed-ec287111/tether_test.TestGoErr_IsNamedByTheUsersFunctionAndSupervised.func")
		close(release)
		<-o.Ended()
		require.Equal(t, "oh", got.Value)
		require.Contains(t, got.Func, "TestGoErr_IsNamedByTheUsersFunctionAndSupervised")
	})
}

// heldError is an error whose type can be compared, but with such a value it can't.
type heldError struct{ what any }

func (heldError) Error() string { return "held" }

// Errors were compared where their type can be, as errors.Is does. Two of one type whose
// values can't be compared made that panic: in the goroutine of a GoErr, and in Run.
func TestGoErr_ErrorsThatCantBeComparedThoughTheirTypeCan(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		reason := heldError{[]int{1}}
		err := tether.Run(context.Background(), "app", func(app *tether.Owner) error {
			app.GoErr(func(ctx context.Context) error { <-ctx.Done(); return heldError{[]int{2}} })
			app.GoErr(func(context.Context) error { return reason })
			<-app.Context().Done()
			return heldError{[]int{3}}
		})
		for _, n := range []int{1, 2, 3} {
			require.Contains(t, leaves(err), heldError{[]int{n}})
		}
	})
}

// leaves returns what err joins.
func leaves(err error) (all []error) {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	for _, e := range many.Unwrap() {
		all = append(all, leaves(e)...)
	}
	return all
}
