package bus_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
)

// A form is one of the forms in which a handler is connected to what is published as "a.b".
type form struct {
	name    string
	connect func(b *bus.Bus, o *tether.Owner, f func(), opts ...tether.ConnectOption) *tether.Connection
}

var forms = []form{
	{"Topic.Handle", func(b *bus.Bus, o *tether.Owner, f func(), opts ...tether.ConnectOption) *tether.Connection {
		return bus.Named[int](b, "a.b").Handle(o, func(context.Context, int) error { f(); return nil }, opts...)
	}},
	{"Topic.Connect", func(b *bus.Bus, o *tether.Owner, f func(), opts ...tether.ConnectOption) *tether.Connection {
		return bus.Named[int](b, "a.b").Connect(o, func(int) { f() }, opts...)
	}},
	{"Topic.Once", func(b *bus.Bus, o *tether.Owner, f func(), opts ...tether.ConnectOption) *tether.Connection {
		return bus.Named[int](b, "a.b").Once(o, func(int) { f() }, opts...)
	}},
	{"Pattern.Handle", func(b *bus.Bus, o *tether.Owner, f func(), opts ...tether.ConnectOption) *tether.Connection {
		return bus.Matching[int](b, "a.*").Handle(o, func(context.Context, bus.Message[int]) error { f(); return nil }, opts...)
	}},
	{"Pattern.Connect", func(b *bus.Bus, o *tether.Owner, f func(), opts ...tether.ConnectOption) *tether.Connection {
		return bus.Matching[int](b, "*.b").Connect(o, func(bus.Message[int]) { f() }, opts...)
	}},
	{"Pattern.Once", func(b *bus.Bus, o *tether.Owner, f func(), opts ...tether.ConnectOption) *tether.Connection {
		return bus.Matching[int](b, ">").Once(o, func(bus.Message[int]) { f() }, opts...)
	}},
	{"Tap", func(b *bus.Bus, o *tether.Owner, f func(), opts ...tether.ConnectOption) *tether.Connection {
		return b.Tap().Connect(o, func(bus.Delivery) { f() }, opts...)
	}},
}

// ways are the ways in which a handler comes not to be called any more.
var ways = map[string]func(x *victim){
	"Disconnect":      func(x *victim) { x.conn.Disconnect() },
	"Mute":            func(x *victim) { x.conn.Mute() },
	"Destroy":         func(x *victim) { _ = x.owner.Destroy() },
	"Cancel":          func(x *victim) { x.owner.Cancel(errBoom) },
	"DestroyContext":  func(x *victim) { _ = x.owner.DestroyContext(bg) },
	"ancestor":        func(x *victim) { _ = x.parent.Destroy() },
	"owner's context": func(x *victim) { x.cancel(); <-x.owner.Context().Done() },
	"the bus":         func(x *victim) { _ = x.bus.Destroy() },
}

type victim struct {
	parent, owner, bus *tether.Owner
	cancel             context.CancelFunc
	conn               *tether.Connection
	calls              int
}

func TestEnd_WhatEndsByWhateverWayAtWhateverPlaceIsNotCalled(t *testing.T) {
	for way, end := range ways {
		for _, f := range forms {
			for _, place := range []string{"before", "in an earlier handler", "in a nested Publish", "on another goroutine", "in a cleanup between"} {
				t.Run(way+" "+place+" "+f.name, func(t *testing.T) {
					app := newApp(t)
					ofBus := app.NewChild("of the bus")
					b := bus.New(ofBus, "bus")
					ctx, cancel := context.WithCancel(bg)
					x := &victim{parent: app.NewChild("parent"), bus: ofBus, cancel: cancel}
					x.owner = x.parent.NewChild("owner", tether.WithContext(ctx))
					topic := bus.Named[int](b, "a.b")
					first := func(f func()) {
						var c *tether.Connection
						depth := 0
						handler := func() {
							depth++
							switch {
							case place == "in a nested Publish" && depth == 1:
								_ = topic.Publish(bg, 1)
							default:
								f()
								c.Disconnect()
							}
						}
						owner := app.NewChild("first")
						if place == "in a cleanup between" {
							owner.Defer(f)
							f = func() { _ = owner.Destroy() }
						}
						if x.conn == nil { // of the same form, so that a tap may be before a tap
							c = forms[6].connect(b, owner, handler, tether.Priority(1))
						}
					}
					switch place {
					case "before":
					case "on another goroutine":
						first(func() {
							done := make(chan struct{})
							go func() { defer close(done); end(x) }()
							<-done
						})
					default:
						first(func() { end(x) })
					}
					x.conn = f.connect(b, x.owner, func() { x.calls++ })
					if place == "before" {
						end(x)
					}
					_ = topic.Publish(bg, 1)
					require.Zero(t, x.calls)
					_ = topic.Publish(bg, 1)
					require.Zero(t, x.calls)
					_ = app.Destroy()
					require.Zero(t, b.Entries())
					require.Zero(t, b.Patterns())
				})
			}
		}
	}
}

// The same among the handlers of one Publish, of topics and patterns mixed.
func TestEnd_WhatAHandlerEndsIsNotCalledByThePublishThatRuns(t *testing.T) {
	for way, end := range ways {
		for _, f := range forms[:6] {
			for _, before := range forms[:6] {
				t.Run(way+" "+f.name+" by "+before.name, func(t *testing.T) {
					app := newApp(t)
					ofBus := app.NewChild("of the bus")
					b := bus.New(ofBus, "bus")
					ctx, cancel := context.WithCancel(bg)
					x := &victim{parent: app.NewChild("parent"), bus: ofBus, cancel: cancel}
					x.owner = x.parent.NewChild("owner", tether.WithContext(ctx))
					before.connect(b, app, func() { end(x) })
					x.conn = f.connect(b, x.owner, func() { x.calls++ })
					require.NoError(t, bus.Named[int](b, "a.b").Publish(bg, 1))
					require.Zero(t, x.calls)
				})
			}
		}
	}
}

// The race detector proves the barrier, as in hook.
func TestDestroy_IsABarrier(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 200
	}
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			app, b := newBus(t)
			bus.Matching[int](b, "a.>").Connect(app, func(bus.Message[int]) {})
			topic := bus.Named[int](b, "a.b")
			for range rounds {
				o := app.NewChild("o")
				plain, cleaned := 0, false
				o.Defer(func() { cleaned = true })
				f.connect(b, o, func() {
					if cleaned {
						t.Error("called after the cleanups")
					}
					plain++
					runtime.Gosched()
					plain++
				})
				started := make(chan struct{})
				var wg sync.WaitGroup
				wg.Go(func() {
					close(started)
					for range 3 {
						_ = topic.Publish(bg, 1)
					}
				})
				<-started
				runtime.Gosched()
				require.NoError(t, o.Destroy())
				plain++
				require.True(t, cleaned)
				wg.Wait()
			}
		})
	}
}

func TestDestroy_InsideAHandlerCutsOffAndIsCompletedBeforePublishReturns(t *testing.T) {
	for _, f := range forms {
		app, b := newBus(t)
		o := app.NewChild("o")
		ended := false
		o.Defer(func() { ended = true })
		f.connect(b, o, func() {
			if err := o.Destroy(); !errors.Is(err, tether.ErrPending) {
				t.Error(f.name, err)
			}
			require.False(t, ended)
		})
		require.NoError(t, bus.Named[int](b, "a.b").Publish(bg, 1))
		require.True(t, ended, f.name)
	}
}
