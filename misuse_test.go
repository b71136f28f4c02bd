package tether_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// noContext is a nil context, which linters would not let pass as a literal.
var noContext context.Context

func TestOwner_MisusePanicsBeforeAnythingChanges(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var nilOwner *tether.Owner
		var zero tether.Owner
		var nilCloser *closer
		for want, f := range map[string]func(){
			"tether: NewChild with nil Owner":            func() { nilOwner.NewChild("x") },
			"tether: Destroy with nil Owner":             func() { zero.Destroy() },
			"tether: DestroyContext with nil Owner":      func() { zero.DestroyContext(t.Context()) },
			"tether: DestroyContext with nil context":    func() { o.DestroyContext(noContext) },
			"tether: Cancel with nil Owner":              func() { nilOwner.Cancel(nil) },
			"tether: Alive with nil Owner":               func() { nilOwner.Alive() },
			"tether: Ended with nil Owner":               func() { nilOwner.Ended() },
			"tether: Context with nil Owner":             func() { zero.Context() },
			"tether: Name with nil Owner":                func() { _ = zero.Name() },
			"tether: Path with nil Owner":                func() { _ = zero.Path() },
			"tether: Parent with nil Owner":              func() { nilOwner.Parent() },
			"tether: Stats with nil Owner":               func() { nilOwner.Stats() },
			"tether: Defer with nil Owner":               func() { nilOwner.Defer(func() {}) },
			"tether: Defer with nil function":            func() { o.Defer(nil) },
			"tether: Interrupt with nil Owner":           func() { nilOwner.Interrupt(func() {}) },
			"tether: Interrupt with nil function":        func() { o.Interrupt(nil) },
			"tether: Own with nil Owner":                 func() { tether.Own(nilOwner, io.NopCloser(nil)) },
			"tether: Own with nil closer":                func() { tether.Own[io.Closer](o, nil) },
			"tether: Own with nil closer ":               func() { tether.Own(o, nilCloser) },
			"tether: OwnBlocking with nil Owner":         func() { tether.OwnBlocking(nilOwner, io.NopCloser(nil)) },
			"tether: OwnBlocking with nil closer":        func() { tether.OwnBlocking[io.Closer](o, nil) },
			"tether: OwnBlocking with nil closer ":       func() { tether.OwnBlocking(o, nilCloser) },
			"tether: GoErr with nil Owner":               func() { nilOwner.GoErr(func(context.Context) error { return nil }) },
			"tether: GoErr with nil function":            func() { o.GoErr(nil) },
			"tether: Go with nil Owner":                  func() { nilOwner.Go(func(context.Context) {}) },
			"tether: Go with nil function":               func() { o.Go(nil) },
			"tether: AfterFunc with nil Owner":           func() { nilOwner.AfterFunc(0, func() {}) },
			"tether: AfterFunc with nil function":        func() { o.AfterFunc(0, nil) },
			"tether: NewOwner with nil option":           func() { tether.NewOwner("x", nil) },
			"tether: NewChild with nil option":           func() { o.NewChild("x", nil) },
			"tether: WithContext with nil context":       func() { tether.WithContext(noContext) },
			"tether: WithPanicHandler with nil function": func() { tether.WithPanicHandler(nil) },
			"tether: Run with nil context":               func() { tether.Run(noContext, "x", func(*tether.Owner) error { return nil }) },
			"tether: Run with nil function":              func() { tether.Run(t.Context(), "x", nil) },
			"tether: Run with nil option": func() {
				tether.Run(t.Context(), "x", func(*tether.Owner) error { t.Error("ran"); return nil }, nil)
			},
			"tether: NewSignal with nil Owner":         func() { tether.NewSignal[int](nil) },
			"tether: NewSignal with nil option":        func() { tether.NewSignal[int](o, nil) },
			"tether: WhileActive with nil function":    func() { tether.WhileActive(nil) },
			"tether: NewHeartbeat with nil Owner":      func() { tether.NewHeartbeat(nil, 1) },
			"tether: NewHeartbeat with interval 0s":    func() { tether.NewHeartbeat(o, 0) },
			"tether: NewQueue with nil Owner":          func() { tether.NewQueue(nil, 1, tether.Block) },
			"tether: NewQueue with capacity 0":         func() { tether.NewQueue(o, 0, tether.Block) },
			"tether: NewQueue with unknown Overflow 3": func() { tether.NewQueue(o, 1, 3) },
		} {
			require.PanicsWithValue(t, strings.TrimSpace(want), f, want)
		}
		require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
	})
}

type (
	closingPointer struct{}
	closingFunc    func()
	closingMap     map[int]int
	closingChan    chan int
	closingSlice   []int
)

func (*closingPointer) Close() error { return nil }

func (f closingFunc) Close() error { f(); return nil }

func (closingMap) Close() error { return nil }

func (c closingChan) Close() error { close(c); return nil }

func (closingSlice) Close() error { return nil }

// A nil closer that is no pointer was found at Destroy only, where its Close panicked, far
// from the Own that was wrong.
func TestOwn_OfAnyKindOfNilPanicsAtTheCall(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		for name, own := range map[string]func(){
			"an interface":                 func() { tether.Own[io.Closer](o, nil) },
			"a pointer":                    func() { tether.Own(o, (*closingPointer)(nil)) },
			"a func":                       func() { tether.Own(o, closingFunc(nil)) },
			"a map":                        func() { tether.Own(o, closingMap(nil)) },
			"a chan":                       func() { tether.Own(o, closingChan(nil)) },
			"a slice":                      func() { tether.Own(o, closingSlice(nil)) },
			"a func in an interface":       func() { tether.Own[io.Closer](o, closingFunc(nil)) },
			"a func, by who knows of more": func() { tether.Own[io.ReadWriteCloser](o, nil) },
		} {
			require.PanicsWithValue(t, "tether: Own with nil closer", own, name)
		}
		require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
		n := 0
		tether.Own(o, closingFunc(func() { n++ }))
		tether.Own(o, closingMap{})
		tether.Own(o, make(closingChan))
		tether.Own(o, closingSlice{})
		require.NoError(t, o.Destroy())
		require.Equal(t, 1, n)
	})
}

func TestSignal_MisusePanicsBeforeAnythingChanges(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		h := func(int) {}
		for want, f := range map[string]func(){
			"tether: Connect with nil Owner":       func() { s.Connect(nil, h) },
			"tether: Connect with nil Owner ":      func() { s.Connect(new(tether.Owner), h) },
			"tether: Connect with nil handler":     func() { s.Connect(o, nil) },
			"tether: Connect with nil option":      func() { s.Connect(o, h, nil) },
			"tether: Once with nil Owner":          func() { s.Once(nil, h) },
			"tether: Once with nil handler":        func() { s.Once(o, nil) },
			"tether: ConnectSelf with nil Owner":   func() { s.ConnectSelf(nil, func(*tether.Connection, int) {}) },
			"tether: ConnectSelf with nil handler": func() { s.ConnectSelf(o, nil) },
			"tether: On with nil Queue":            func() { tether.On(nil) },
			"tether: On with nil Queue ":           func() { tether.On(new(tether.Queue)) },
		} {
			require.PanicsWithValue(t, strings.TrimSpace(want), f)
		}
		require.Zero(t, s.Len())
		require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
	})
}

func TestSignal_NilPanicsInTheNameOfTheCall(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s *tether.Signal[int]
		require.PanicsWithValue(t, "tether: Connect on nil Signal", func() { s.Connect(o, func(int) {}) })
		require.PanicsWithValue(t, "tether: Once on nil Signal", func() { s.Once(o, func(int) {}) })
		require.PanicsWithValue(t, "tether: ConnectSelf on nil Signal", func() { s.ConnectSelf(o, func(*tether.Connection, int) {}) })
		require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
	})
}

func TestQueue_MisusePanics(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 1, tether.Block)
		manual := tether.NewQueue(app, 1, tether.Block, tether.Manual())
		var s tether.Signal[int]
		var none *tether.Queue
		for want, f := range map[string]func(){
			"tether: NewQueue with nil Owner":             func() { tether.NewQueue(nil, 1, tether.Block) },
			"tether: NewQueue with capacity 0":            func() { tether.NewQueue(app, 0, tether.Block) },
			"tether: NewQueue with capacity -3":           func() { tether.NewQueue(app, -3, tether.DropNewest) },
			"tether: NewQueue with unknown Overflow -1":   func() { tether.NewQueue(app, 1, -1) },
			"tether: NewQueue with unknown Overflow 3":    func() { tether.NewQueue(app, 1, 3) },
			"tether: NewQueue with nil option":            func() { tether.NewQueue(app, 1, tether.Block, nil) },
			"tether: On with nil Queue":                   func() { tether.On(nil) },
			"tether: Connect with nil Owner":              func() { s.Connect(nil, func(int) {}, tether.On(q)) },
			"tether: Connect with nil handler":            func() { s.Connect(app, nil, tether.On(q)) },
			"tether: Once with nil handler":               func() { s.Once(app, nil, tether.On(q)) },
			"tether: ConnectSelf with nil handler":        func() { s.ConnectSelf(app, nil, tether.On(q)) },
			"tether: Flush with nil context":              func() { _ = q.Flush(noContext) },
			"tether: Drain of a Queue that is not Manual": func() { q.Drain() },
			"tether: Drain on a nil or zero Queue":        func() { none.Drain() },
			"tether: Flush on a nil or zero Queue":        func() { _ = none.Flush(t.Context()) },
			"tether: Len on a nil or zero Queue":          func() { none.Len() },
			"tether: Dropped on a nil or zero Queue":      func() { none.Dropped() },
		} {
			assert.PanicsWithValue(t, want, f)
		}
		assert.PanicsWithValue(t, "tether: NewQueue with nil Owner", func() { tether.NewQueue(new(tether.Owner), 1, tether.Block) }, "a zero Owner")
		assert.PanicsWithValue(t, "tether: On with nil Queue", func() { tether.On(new(tether.Queue)) }, "a zero Queue")
		assert.PanicsWithValue(t, "tether: Drain on a nil or zero Queue", func() { new(tether.Queue).Drain() }, "a zero Queue")
		assert.Zero(t, s.Len(), "connections made by misuse")
		assert.Zero(t, app.Stats().Connections, "connections made by misuse")
		assert.Zero(t, manual.Drain())
	})
}

func TestHeartbeat_MisusePanics(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		h := tether.NewHeartbeat(app, beat)
		for want, f := range map[string]func(){
			"tether: NewHeartbeat with nil Owner":     func() { tether.NewHeartbeat(nil, beat) },
			"tether: NewHeartbeat with interval 0s":   func() { tether.NewHeartbeat(app, 0) },
			"tether: NewHeartbeat with interval -1ns": func() { tether.NewHeartbeat(app, -1) },
			"tether: NewHeartbeat with nil option":    func() { tether.NewHeartbeat(app, beat, nil) },
			"tether: FixedStep with maxSteps 0":       func() { tether.FixedStep(0) },
			"tether: FixedStep with maxSteps -1":      func() { tether.FixedStep(-1) },
			"tether: Connect with nil Owner":          func() { h.Connect(nil, func(tether.Tick) {}) },
			"tether: Connect with nil handler":        func() { h.Connect(app, nil) },
			"tether: Connect with nil option":         func() { h.Connect(app, func(tether.Tick) {}, nil) },
			"tether: Once with nil Owner":             func() { h.Once(nil, func(tether.Tick) {}) },
			"tether: Once with nil handler":           func() { h.Once(app, nil) },
		} {
			assert.PanicsWithValue(t, want, f)
		}
		assert.PanicsWithValue(t, "tether: NewHeartbeat with nil Owner", func() { tether.NewHeartbeat(new(tether.Owner), beat) }, "a zero Owner")
		assert.Zero(t, h.Len())
		assert.Zero(t, app.Stats().Timers)
	})
}

func TestHeartbeat_ZeroPanicsInTheNameOfTheCall(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		for _, h := range []*tether.Heartbeat{nil, {}} {
			const on = " on a nil or zero Heartbeat"
			require.PanicsWithValue(t, "tether: Connect"+on, func() { h.Connect(o, func(tether.Tick) {}) })
			require.PanicsWithValue(t, "tether: Once"+on, func() { h.Once(o, func(tether.Tick) {}) })
			require.PanicsWithValue(t, "tether: Len"+on, func() { h.Len() })
			require.PanicsWithValue(t, "tether: Dropped"+on, func() { h.Dropped() })
		}
		require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
	})
}

func TestWaitAndValues_MisusePanics(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var s, none *tether.Signal[int]
		s = new(tether.Signal[int])
		ctx := t.Context()
		for want, f := range map[string]func(){
			"tether: Wait with nil context":           func() { _, _ = tether.Wait(noContext, s) },
			"tether: Values with nil context":         func() { tether.Values(noContext, s, 1, 0) },
			"tether: Wait with nil Source":            func() { _, _ = tether.Wait[int](ctx, nil) },
			"tether: Values with nil Source":          func() { tether.Values[int](ctx, nil, 1, tether.Block) },
			"tether: Values with capacity 0":          func() { tether.Values(ctx, s, 0, tether.Block) },
			"tether: Values with capacity -1":         func() { tether.Values(ctx, s, -1, tether.Block) },
			"tether: Values with unknown Overflow 3":  func() { tether.Values(ctx, s, 1, 3) },
			"tether: Values with unknown Overflow -1": func() { tether.Values(ctx, s, 1, -1) },
		} {
			assert.PanicsWithValue(t, want, f)
		}
		assert.PanicsWithValue(t, "tether: Wait with nil Source", func() { _, _ = tether.Wait(ctx, none) }, "a nil *Signal")
		assert.PanicsWithValue(t, "tether: Values with nil Source", func() { tether.Values(ctx, none, 1, tether.Block) }, "a nil *Signal")
	})
}

// A connecting is a source that is a function, as users write them.
type connecting func(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection

func (f connecting) Connect(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	return f(owner, handler, opts...)
}

func (f connecting) Once(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	return f(owner, handler, opts...)
}

func TestWaitAndValues_OfAnyKindOfNilSourcePanicAtTheCall(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for name, src := range map[string]tether.Source[int]{
			"an interface": nil, "a pointer": (*tether.Signal[int])(nil), "a func": connecting(nil),
		} {
			require.PanicsWithValue(t, "tether: Wait with nil Source", func() { _, _ = tether.Wait(t.Context(), src) }, name)
			require.PanicsWithValue(t, "tether: Values with nil Source", func() { tether.Values(t.Context(), src, 1, tether.Block) }, name)
		}
	})
}
