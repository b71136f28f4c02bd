package hook_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
)

func TestPanic_GoesOnAtOnceButInAllWhenTheOthersHaveBeenCalled(t *testing.T) {
	for i, want := range []int{0, 2, 0, 0} {
		app := newApp(t)
		k := kinds(nil)[i]
		calls := 0
		ended := false
		o := app.NewChild("o")
		o.Defer(func() { ended = true })
		k.connect(o, func(context.Context) { _ = o.Destroy(); panic("boom") })
		k.connect(app, func(context.Context) { calls++ })
		k.connect(app, func(context.Context) { calls++ })
		require.PanicsWithValue(t, "boom", func() { _ = k.call(bg) }, k.name)
		require.Equal(t, want, calls, k.name)
		require.True(t, ended, "the last one out completes the teardown, also by a panic")
		require.NoError(t, k.call(bg))
	}
}

func TestPanic_GoexitInAHandlerEndsTheGoroutineAndNothingElse(t *testing.T) {
	for i, want := range []int{0, 1, 0, 0} {
		app := newApp(t)
		k := kinds(nil)[i]
		calls := 0
		k.connect(app, func(context.Context) { runtime.Goexit() })
		k.connect(app, func(context.Context) { calls++ })
		var wg sync.WaitGroup
		returned := false
		wg.Go(func() {
			_ = k.call(bg)
			returned = true
		})
		wg.Wait()
		require.False(t, returned)
		require.Equal(t, want, calls, k.name)
	}
}

// A nest is an owner with a panic handler.
func nest(app *tether.Owner, name string) (*tether.Owner, *[]*tether.PanicError) {
	told := new([]*tether.PanicError)
	return app.NewChild(name, tether.WithPanicHandler(func(p *tether.PanicError) { *told = append(*told, p) })), told
}

var errBoom = errors.New("boom")

func TestPanic_ASupervisedOneIsReportedAndIsTheHandlersError(t *testing.T) {
	app := newApp(t)
	check := func(what string, err error, told *[]*tether.PanicError) {
		t.Helper()
		var p *tether.PanicError
		require.ErrorAs(t, err, &p, what)
		require.Equal(t, []*tether.PanicError{p}, *told, "told the same, once")
		require.Equal(t, errBoom, p.Value, what)
		require.Equal(t, 1, p.Fired, what)
		require.ErrorIs(t, err, errBoom, what)
		require.Contains(t, p.Owner, "app/")
		require.Contains(t, p.Func, "hook_test.TestPanic_ASupervisedOneIsReported", what+": the handler, not the library's")
		require.Contains(t, string(p.Stack), "panic_test.go")
		*told = nil
	}
	o, told := nest(app, "first")
	var h hook.Hook[int, int]
	h.Handle(o, func(context.Context, int) (int, error) { panic(errBoom) })
	h.Handle(app, answer(7, nil))
	n, err := h.First(bg, 1)
	require.Zero(t, n)
	require.IsType(t, &tether.PanicError{}, err)
	check("First", err, told)
	all, err := h.All(bg, 1)
	require.Equal(t, []int{7}, all)
	check("All", err, told)

	var v hook.Veto[int]
	v.Handle(o, func(context.Context, int) error { panic(errBoom) })
	err = v.Ask(bg, 1)
	require.IsType(t, &hook.Objection{}, err)
	require.Equal(t, "app/first", err.(*hook.Objection).Owner)
	check("Ask", err, told)

	var c hook.Chain[int, int]
	var seen error
	c.Use(app, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
		n, err := next(ctx, in)
		seen = err
		return n, nil
	})
	c.Use(o, func(context.Context, int, func(context.Context, int) (int, error)) (int, error) { panic(errBoom) })
	_, err = c.Run(bg, 1, answer(1, nil))
	require.NoError(t, err)
	require.IsType(t, &tether.PanicError{}, seen)
	check("Run", seen, told)
}

// A *PanicError wraps what was panicked with. So a panic with ErrPass was taken for a pass, and
// nobody was told of it by First and All. And an error whose method panics took that panic past
// the panic handler.
func TestPanic_ASupervisedOneIsTheHandlersErrorThoughItSaysPass(t *testing.T) {
	app := newApp(t)
	for _, f := range []func(context.Context, int) (int, error){
		func(context.Context, int) (int, error) { panic(hook.ErrPass) },
		answer(1, faultyError{}),
	} {
		o, told := nest(app, "o")
		var h hook.Hook[int, int]
		h.Handle(o, f)
		h.Handle(app, answer(7, nil))
		_, err := h.First(bg, 1)
		require.IsType(t, &tether.PanicError{}, err)
		all, err := h.All(bg, 1)
		require.Equal(t, []int{7}, all)
		require.IsType(t, &tether.PanicError{}, err)
		require.Len(t, *told, 2)
	}
}

type faultyError struct{}

func (faultyError) Error() string { return "faulty" }
func (faultyError) Is(error) bool { panic("Is") }

// What the panic handler does with it is not undone by what comes next.
func TestPanic_OneOfTheActionIsLikeOneOfTheInnermostLink(t *testing.T) {
	app := newApp(t)
	o, told := nest(app, "o")
	var c hook.Chain[int, int]
	last := func(context.Context, int) (int, error) { panic(errBoom) }
	require.PanicsWithValue(t, errBoom, func() { _, _ = c.Run(bg, 1, last) })
	c.Use(o, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
		return next(ctx, in)
	})
	_, err := c.Run(bg, 1, last)
	require.ErrorIs(t, err, errBoom)
	require.Len(t, *told, 1)
	recovered := 0
	c.Use(app, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (n int, err error) {
		defer func() {
			if recover() != nil {
				recovered++
				n = 9
			}
		}()
		return next(ctx, in)
	})
	n, err := c.Run(bg, 1, last)
	require.NoError(t, err)
	require.Equal(t, 9, n)
	require.Equal(t, 1, recovered)
	require.Len(t, *told, 1)
}

func TestPanic_ManyInAllGoOnAsTheLastOne(t *testing.T) {
	app := newApp(t)
	var h hook.Hook[int, int]
	calls := 0
	const n = 10_000
	for i := range n {
		h.Handle(app, func(context.Context, int) (int, error) { calls++; panic(i) })
	}
	require.PanicsWithValue(t, n-1, func() { _, _ = h.All(bg, 1) })
	require.Equal(t, n, calls)
}
