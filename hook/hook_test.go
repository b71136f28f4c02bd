package hook_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
	"github.com/seed-ec287111/tether/inspect"
	"github.com/seed-ec287111/tether/internal/testkit"
)

var bg = context.Background()

func answer(n int, err error) func(context.Context, int) (int, error) {
	return func(context.Context, int) (int, error) { return n, err }
}

func TestFirst_ReturnsWhatTheFirstOneReturnsThatDoesNotPass(t *testing.T) {
	app := newApp(t)
	bad := errors.New("bad")
	var h hook.Hook[int, int]
	_, err := h.First(bg, 1)
	require.Equal(t, hook.ErrNobody, err)
	h.Handle(app, answer(5, hook.ErrPass))
	h.Handle(app, answer(6, fmt.Errorf("not mine: %w", hook.ErrPass)))
	n, err := h.First(bg, 1)
	require.Equal(t, hook.ErrNobody, err)
	require.Zero(t, n, "what one that passed returned besides")

	seven := h.Handle(app, answer(7, nil))
	h.Handle(app, func(context.Context, int) (int, error) { panic("asked though somebody has answered") }, tether.Priority(-1))
	n, err = h.First(bg, 1)
	require.NoError(t, err)
	require.Equal(t, 7, n)

	h.Handle(app, answer(8, bad), tether.Priority(1))
	n, err = h.First(bg, 1)
	require.Equal(t, bad, err, "an error is an answer")
	require.Equal(t, 8, n)
	require.True(t, seven.Connected())
	require.Equal(t, 5, h.Len())
}

func TestAll_ReturnsAllAnswersAndAllErrors(t *testing.T) {
	app := newApp(t)
	var h hook.Hook[int, int]
	all, err := h.All(bg, 1)
	require.NoError(t, err)
	require.Empty(t, all)
	bad, worse := errors.New("bad"), errors.New("worse")
	h.Handle(app, answer(1, nil))
	h.Handle(app, answer(2, hook.ErrPass))
	h.Handle(app, answer(3, nil), tether.Priority(1))
	c := h.Handle(app, answer(4, bad))
	h.Handle(app, answer(5, nil))
	all, err = h.All(bg, 1)
	require.Equal(t, bad, err, "as it is")
	require.Equal(t, []int{3, 1, 5}, all)
	h.Handle(app, answer(6, worse))
	all, err = h.All(bg, 1)
	require.ErrorIs(t, err, bad)
	require.ErrorIs(t, err, worse)
	require.Equal(t, "bad\nworse", err.Error())
	require.Equal(t, []int{3, 1, 5}, all)
	c.Disconnect()
	_, err = h.All(bg, 1)
	require.Equal(t, worse, err)
}

func tooLong(context.Context, string) error { return errors.New("too long") }

func TestAsk_ReturnsTheFirstObjectionAndWhoseItIs(t *testing.T) {
	app := newApp(t)
	var v hook.Veto[string]
	require.NoError(t, v.Ask(bg, "x"))
	asked := 0
	v.Handle(app, func(context.Context, string) error { asked++; return nil })
	v.Handle(app.NewChild("a\nb"), tooLong)
	v.Handle(app, func(context.Context, string) error { panic("asked though somebody objects") })
	err := v.Ask(bg, "x")
	var o *hook.Objection
	require.ErrorAs(t, err, &o)
	require.Equal(t, `app/"a\nb"`, o.Owner, "quoted, as in all errors")
	require.Contains(t, o.Func, "hook_test.tooLong (")
	require.Contains(t, o.Func, "hook_test.go:")
	require.EqualError(t, o.Err, "too long")
	require.ErrorIs(t, err, o.Err)
	require.Equal(t, fmt.Sprintf("hook: %s of %s objects: too long", o.Func, o.Owner), err.Error())
	require.Equal(t, 1, asked)
}

// For others who say that forgetting a call of next ends the work of everybody after.
func TestHook_HandlersThatJustReturnEndNothing(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		app := newApp(t)
		n := 0
		for range 3 {
			k.connect(app, func(context.Context) { n++ })
		}
		require.NoError(t, k.call(bg))
		require.Equal(t, 3, n)
	})
}

func TestOn_AndOtherMisuseIsRefusedBeforeAnythingChanges(t *testing.T) {
	app := newApp(t)
	q := tether.NewQueue(app, 1, tether.Block)
	var h hook.Hook[int, int]
	var v hook.Veto[int]
	var c hook.Chain[int, int]
	f := answer(1, nil)
	say := func(context.Context, int) error { return nil }
	link := func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
		return next(ctx, in)
	}
	var nilContext context.Context
	for want, misuse := range map[string]func(){
		"hook: Handle with On: an answer is due on the caller's goroutine, not later on a queue": func() { h.Handle(app, f, tether.On(q)) },
		"hook: Use with On: an answer is due on the caller's goroutine, not later on a queue":    func() { c.Use(app, link, tether.On(q)) },
		"hook: Handle with nil Owner":    func() { v.Handle(nil, say) },
		"hook: Use with nil Owner":       func() { c.Use(new(tether.Owner), link) },
		"hook: Handle with nil function": func() { h.Handle(app, nil) },
		"hook: Use with nil function":    func() { c.Use(app, nil) },
		"hook: Handle with nil option":   func() { v.Handle(app, say, nil) },
		"hook: New with nil Owner":       func() { hook.New[int, int](nil) },
		"hook: NewVeto with nil Owner":   func() { hook.NewVeto[int](nil) },
		"hook: NewChain with nil Owner":  func() { hook.NewChain[int, int](nil) },
		"hook: First with nil context":   func() { _, _ = h.First(nilContext, 1) },
		"hook: All with nil context":     func() { _, _ = h.All(nilContext, 1) },
		"hook: Ask with nil context":     func() { _ = v.Ask(nilContext, 1) },
		"hook: Run with nil context":     func() { _, _ = c.Run(nilContext, 1, f) },
		"hook: Run with nil function":    func() { _, _ = c.Run(bg, 1, nil) },
		"hook: Handle on a nil hook":     func() { (*hook.Hook[int, int])(nil).Handle(app, f) },
		"hook: Use on a nil hook":        func() { (*hook.Chain[int, int])(nil).Use(app, link) },
		"hook: First on a nil hook":      func() { _, _ = (*hook.Hook[int, int])(nil).First(bg, 1) },
		"hook: Ask on a nil hook":        func() { _ = (*hook.Veto[int])(nil).Ask(bg, 1) },
		"hook: Run on a nil hook":        func() { _, _ = (*hook.Chain[int, int])(nil).Run(bg, 1, f) },
		"hook: Len of a nil hook":        func() { (*hook.Veto[int])(nil).Len() },
		"hook: next with nil context":    func() { withNext(t, &c, app, func(next nexter) { _, _ = next(nilContext, 1) }) },
	} {
		require.PanicsWithValue(t, want, misuse, want)
	}
	require.Zero(t, h.Len()+v.Len()+c.Len())
	require.Equal(t, tether.Stats{Owners: 1}, app.Stats())
}

type nexter = func(context.Context, int) (int, error)

// withNext runs f in a link.
func withNext(t *testing.T, c *hook.Chain[int, int], o *tether.Owner, f func(next nexter)) {
	conn := c.Use(o, func(_ context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
		f(next)
		return in, nil
	})
	defer conn.Disconnect()
	_, err := c.Run(bg, 1, answer(1, nil))
	require.NoError(t, err)
}

func TestClose_AClosedHookAsksNobody(t *testing.T) {
	app := newApp(t)
	o := app.NewChild("o")
	for _, k := range kinds(o) {
		other := app.NewChild("other")
		c := k.connect(other, func(context.Context) { t.Error(k.name, "called") })
		require.Equal(t, 1, k.len())
		require.Equal(t, 1, other.Stats().Connections)
		defer func() {
			require.Equal(t, hook.ErrClosed, k.call(bg), k.name)
			require.False(t, c.Connected())
			require.Zero(t, k.len())
			require.Equal(t, tether.Stats{Owners: 1}, other.Stats())
			require.False(t, k.connect(other, func(context.Context) {}).Connected())
			ended, cancel := context.WithCancel(bg)
			cancel()
			require.Equal(t, hook.ErrClosed, k.call(ended))
			require.False(t, kinds(o)[0].connect(other, func(context.Context) {}).Connected(), "a hook of a dead owner")
		}()
	}
	require.NoError(t, o.Destroy())
}

// Whoever was passed over because the hook closed has not consented, and a guard that was
// passed over has let nobody through.
func TestClose_AHookThatClosesMeanwhileDoesNotSeemToHaveAskedEverybody(t *testing.T) {
	app := newApp(t)
	for i := range kinds(nil) {
		o := app.NewChild("o")
		k := kinds(o)[i]
		k.connect(app, func(context.Context) { _ = o.Destroy() })
		k.connect(app, func(context.Context) { t.Error(k.name, "called") })
		require.Equal(t, hook.ErrClosed, k.call(bg), k.name)
	}
	o := app.NewChild("o")
	c := hook.NewChain[int, int](o)
	c.Use(app, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
		_ = o.Destroy()
		return next(ctx, in)
	})
	_, err := c.Run(bg, 1, func(context.Context, int) (int, error) { t.Error("last called"); return 0, nil })
	require.Equal(t, hook.ErrClosed, err)
}

func TestHook_ADeadOwnerConnectsNothing(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		o := tether.NewOwner("o")
		require.NoError(t, o.Destroy())
		require.False(t, k.connect(o, func(context.Context) { t.Error("called") }).Connected())
		require.NoError(t, k.call(bg))
		require.Zero(t, k.len())
	})
}

func TestHook_InspectListsHandlersAsConnections(t *testing.T) {
	app := newApp(t)
	var v hook.Veto[string]
	c := v.Handle(app, tooLong, tether.Priority(3))
	check := func(muted bool) {
		t.Helper()
		info := inspect.Of(app)
		require.Len(t, info.Connections, 1)
		got := info.Connections[0]
		require.Equal(t, "string", got.Signal)
		require.Equal(t, 3, got.Priority)
		require.Equal(t, muted, got.Muted)
		require.False(t, got.Queued)
		require.True(t, strings.HasSuffix(got.Handler.Name, "hook_test.tooLong"), got.Handler.Name)
	}
	check(false)
	c.Mute()
	check(true)

	o := app.NewChild("hooks")
	hook.New[int, string](o).Handle(app, func(context.Context, int) (string, error) { return "", nil })
	require.Equal(t, []inspect.Signal{{Type: "int", Connections: 1}}, inspect.Of(o).Signals)
}

func TestHook_ManyCallsAtOnceCallEverybodyAndLeaveNothing(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		app := tether.NewOwner("app")
		var mu sync.Mutex
		calls := 0
		const goroutines, rounds = 4, 200
		for range 3 {
			k.connect(app, func(context.Context) {
				mu.Lock()
				defer mu.Unlock()
				calls++
			})
		}
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		var wg sync.WaitGroup
		for i := range goroutines {
			wg.Go(func() {
				for j := range rounds {
					o := app.NewChild("o")
					k.connect(o, func(context.Context) {}, tether.Priority(j%3))
					ctx := ctx
					if i%2 == 0 {
						ctx = bg
					}
					// A link whose owner has been destroyed meanwhile stops what comes after it.
					if err := k.call(ctx); err != nil && (k.name != "Run" || err != tether.ErrDestroyed) {
						t.Error(err)
					}
					_ = o.Destroy()
				}
			})
		}
		wg.Wait()
		if k.name == "Run" {
			require.LessOrEqual(t, calls, 3*goroutines*rounds)
		} else {
			require.Equal(t, 3*goroutines*rounds, calls)
		}
		require.Equal(t, 3, k.len())
		require.Equal(t, tether.Stats{Owners: 1, Connections: 3}, app.Stats())
		require.NoError(t, app.Destroy())
		require.Zero(t, k.len())
	})
}

func TestLeak_TheHeapStaysFlatOverManyCallsAndConnections(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		app := newApp(t)
		k.connect(app, func(ctx context.Context) { ctx.Done() })
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		round := func() {
			o := app.NewChild("o")
			k.connect(o, func(ctx context.Context) { ctx.Done() })
			require.NoError(t, k.call(ctx))
			_ = o.Destroy()
		}
		for range 1000 {
			round()
		}
		before := testkit.Heap()
		rounds := 20_000
		if testkit.Race {
			rounds = 2000
		}
		for range rounds {
			round()
		}
		require.Less(t, testkit.Heap()-before, int64(64<<10))
	})
}

func TestLeak_AHandlersClosureIsGarbageAtTheCutOff(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		o := tether.NewOwner("o")
		gone := make(chan struct{})
		func() {
			big := new([1 << 10]byte)
			runtime.AddCleanup(big, func(c chan struct{}) { close(c) }, gone)
			c := k.connect(o, func(context.Context) { big[0]++ })
			require.NoError(t, k.call(bg))
			defer runtime.KeepAlive(c)
		}()
		require.NoError(t, o.Destroy())
		for range 100 {
			runtime.GC()
			select {
			case <-gone:
				return
			default:
				runtime.Gosched()
			}
		}
		t.Fatal("the closure is still referred to")
	})
}

func TestHook_TheLastPriorityCounts(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		app := newApp(t)
		var order []int
		for i, opts := range [][]tether.ConnectOption{{tether.Priority(2), tether.Priority(0)}, {tether.Priority(1)}, {}, {tether.Priority(-1), tether.Priority(1)}} {
			k.connect(app, func(context.Context) { order = append(order, i) }, opts...)
		}
		require.NoError(t, k.call(bg))
		require.Equal(t, []int{1, 3, 0, 2}, order)
	})
}
