package libp2p_test

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
	"github.com/seed-ec287111/tether/verify/peers/libp2p"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A kind is a bus, and the options that are its own.
type kind struct {
	event.Bus
	original bool
	room     func(int) event.SubscriptionOpt
	name     func(string) event.SubscriptionOpt
	stateful event.EmitterOpt
}

// both runs test in a bubble with the original and the adapter.
func both(t *testing.T, test func(t *testing.T, b kind)) {
	t.Run("original", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			test(t, kind{eventbus.NewBus(), true, eventbus.BufSize, eventbus.Name, eventbus.Stateful})
		})
	})
	t.Run("tether", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			app := tether.NewOwner("app")
			test(t, kind{libp2p.NewBus(app), false, libp2p.BufSize, libp2p.Name, libp2p.Stateful})
			require.NoError(t, app.Destroy())
			require.Equal(t, tether.Stats{}, app.Stats())
		})
	})
}

type (
	joined struct{ name string }
	left   struct{ name string }
)

func (b kind) subscribe(t *testing.T, types any, opts ...event.SubscriptionOpt) event.Subscription {
	sub, err := b.Subscribe(types, opts...)
	require.NoError(t, err)
	return sub
}

func (b kind) emitter(t *testing.T, of any, opts ...event.EmitterOpt) event.Emitter {
	e, err := b.Emitter(of, opts...)
	require.NoError(t, err)
	return e
}

// got returns what can be received at once.
func got(sub event.Subscription) (all []any) {
	for {
		select {
		case v, open := <-sub.Out():
			if !open {
				return append(all, "closed")
			}
			all = append(all, v)
		default:
			return all
		}
	}
}

func TestValuesGoToTheSubscriptionsOfTheirType(t *testing.T) {
	both(t, func(t *testing.T, b kind) {
		j, l, either := b.subscribe(t, new(joined)), b.subscribe(t, (*left)(nil)), b.subscribe(t, []any{new(joined), new(left)})
		ej, el := b.emitter(t, new(joined)), b.emitter(t, (*left)(nil))
		require.NoError(t, ej.Emit(joined{"ann"}))
		require.NoError(t, el.Emit(left{"bob"}))
		require.Equal(t, []any{joined{"ann"}}, got(j))
		require.Equal(t, []any{left{"bob"}}, got(l))
		require.Equal(t, []any{joined{"ann"}, left{"bob"}}, got(either))
		for _, sub := range []event.Subscription{j, l, either} {
			require.NoError(t, sub.Close())
		}
		require.NoError(t, ej.Emit(joined{"to nobody"}))
		require.NoError(t, ej.Close())
		require.NoError(t, el.Close())
	})
}

func TestMisuse(t *testing.T) {
	both(t, func(t *testing.T, b kind) {
		_, err := b.Subscribe(joined{})
		require.Error(t, err, "not a pointer")
		_, err = b.Subscribe([]any{new(joined), left{}})
		require.Error(t, err)
		_, err = b.Subscribe([]any{event.WildcardSubscription, new(joined)})
		require.Error(t, err)
		_, err = b.Emitter(joined{})
		require.Error(t, err)
		_, err = b.Emitter(event.WildcardSubscription)
		require.Error(t, err)
		e := b.emitter(t, new(joined))
		require.Panics(t, func() { _ = e.Emit(left{}) })
		require.NoError(t, e.Close())
		require.Error(t, e.Close(), "a second time")
		require.Error(t, e.Emit(joined{}), "after that")
		require.Empty(t, b.GetAllEventTypes(), "and nothing is left")
	})
}

func TestTheTypesAreThoseInUse(t *testing.T) {
	both(t, func(t *testing.T, b kind) {
		require.Empty(t, b.GetAllEventTypes())
		e := b.emitter(t, new(joined))
		sub := b.subscribe(t, []any{new(joined), new(left)})
		all := b.subscribe(t, event.WildcardSubscription)
		require.ElementsMatch(t, []reflect.Type{reflect.TypeFor[joined](), reflect.TypeFor[left]()}, b.GetAllEventTypes())
		require.NoError(t, sub.Close())
		require.Equal(t, []reflect.Type{reflect.TypeFor[joined]()}, b.GetAllEventTypes())
		require.NoError(t, e.Close())
		require.Empty(t, b.GetAllEventTypes())
		require.NoError(t, all.Close())
	})
}

func TestAWildcardGetsEverything(t *testing.T) {
	both(t, func(t *testing.T, b kind) {
		ej := b.emitter(t, new(joined))
		all := b.subscribe(t, event.WildcardSubscription)
		el := b.emitter(t, new(left)) // a later type
		require.NoError(t, ej.Emit(joined{"ann"}))
		require.NoError(t, el.Emit(left{"ann"}))
		require.Equal(t, []any{joined{"ann"}, left{"ann"}}, got(all))
		require.NoError(t, all.Close())
		require.NoError(t, ej.Emit(joined{"bob"}))
		require.NoError(t, ej.Close())
		require.NoError(t, el.Close())
		if b.original { // on purpose: it does not close the channel of a wildcard
			require.Empty(t, got(all))
		} else {
			require.Equal(t, []any{"closed"}, got(all))
		}
	})
}

// A full channel holds Emit until there is room, or its subscription is closed.
func TestAFullChannelHoldsEmit(t *testing.T) {
	both(t, func(t *testing.T, b kind) {
		for _, types := range []any{new(joined), event.WildcardSubscription} {
			for _, room := range []int{0, 1} {
				sub, e := b.subscribe(t, types, b.room(room)), b.emitter(t, new(joined))
				for range room {
					require.NoError(t, e.Emit(joined{"first"}))
				}
				emitted := make(chan error, 1)
				emit := func() { emitted <- e.Emit(joined{"ann"}) }
				go emit()
				synctest.Wait()
				require.Empty(t, emitted)
				<-sub.Out()
				require.NoError(t, <-emitted)
				go emit()
				synctest.Wait()
				require.Empty(t, emitted)
				require.NoError(t, sub.Close())
				require.NoError(t, <-emitted)
				require.NoError(t, e.Close())
			}
		}
	})
}

func TestRoomForSixteenUnlessSaidOtherwise(t *testing.T) {
	both(t, func(t *testing.T, b kind) {
		sub, e := b.subscribe(t, new(joined)), b.emitter(t, new(joined))
		require.Equal(t, 16, cap(sub.Out()))
		require.NoError(t, sub.Close())
		sub = b.subscribe(t, new(joined), b.room(3), b.name("mine"))
		require.Equal(t, 3, cap(sub.Out()))
		require.Equal(t, "mine", sub.Name())
		require.NoError(t, sub.Close())
		require.NoError(t, e.Close())
	})
}

// After Close nothing is sent, and the channel is closed: a range over it ends. Close may be
// called twice.
func TestCloseIsTheEndOfTheChannel(t *testing.T) {
	both(t, func(t *testing.T, b kind) {
		sub, e := b.subscribe(t, []any{new(joined), new(left)}), b.emitter(t, new(joined))
		ended := make(chan bool)
		go func() {
			for range sub.Out() { //nolint:revive // until it is closed
			}
			close(ended)
		}()
		require.NoError(t, e.Emit(joined{}))
		require.NoError(t, sub.Close())
		require.NoError(t, sub.Close())
		<-ended
		require.NoError(t, e.Emit(joined{}))
		require.NoError(t, e.Close())
	})
}

// A later subscription gets the last value of a stateful emitter, and one at a time what
// comes after.
func TestAStatefulEmitterIsRemembered(t *testing.T) {
	both(t, func(t *testing.T, b kind) {
		plain := b.emitter(t, new(left))
		require.NoError(t, plain.Emit(left{"nobody"}))
		e := b.emitter(t, new(joined), b.stateful)
		early := b.subscribe(t, new(joined))
		require.NoError(t, e.Emit(joined{"ann"}))
		require.NoError(t, e.Emit(joined{"bob"}))
		late := b.subscribe(t, []any{new(joined), new(left)})
		synctest.Wait()
		require.Equal(t, []any{joined{"ann"}, joined{"bob"}}, got(early))
		require.Equal(t, []any{joined{"bob"}}, got(late))
		require.NoError(t, e.Emit(joined{"cid"}))
		require.Equal(t, []any{joined{"cid"}}, got(late))
		require.NoError(t, early.Close())
		require.NoError(t, late.Close())
		require.NoError(t, e.Close())
		require.NoError(t, plain.Close())

		again := b.subscribe(t, new(joined))
		synctest.Wait()
		require.Empty(t, got(again), "nobody used the type, so it was forgotten")
		require.NoError(t, again.Close())
	})
}

// All subscriptions of a type see one order, whoever emits.
func TestSubscriptionsSeeOneOrder(t *testing.T) {
	both(t, func(t *testing.T, b kind) {
		const n = 50
		subs := []event.Subscription{b.subscribe(t, new(int), b.room(2*n)), b.subscribe(t, new(int), b.room(2*n))}
		done := make(chan bool)
		for i := range 2 {
			go func() {
				e := b.emitter(t, new(int))
				for v := range n {
					if err := e.Emit(i*n + v); err != nil {
						t.Error(err)
					}
				}
				done <- e.Close() == nil
			}()
		}
		require.True(t, <-done)
		require.True(t, <-done)
		all := got(subs[0])
		require.Len(t, all, 2*n)
		require.Equal(t, all, got(subs[1]))
		for _, sub := range subs {
			require.NoError(t, sub.Close())
		}
	})
}

// The original writes a slow subscriber's name to its log after a second. Here it is an
// owner of that name, which inspect's Watch finds.
func TestASlowSubscriptionIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		b := libp2p.NewBus(app)
		sub, err := b.Subscribe(new(joined), libp2p.BufSize(0), libp2p.Name("identify"))
		require.NoError(t, err)
		slow := make(chan inspect.Slow, 9)
		stop := inspect.Watch(app, time.Second, func(s inspect.Slow) { slow <- s })
		e, err := b.Emitter(new(joined))
		require.NoError(t, err)
		go func() { _ = e.Emit(joined{}) }()
		s := <-slow
		require.Contains(t, s.Owner, "identify")
		stop()
		require.NoError(t, sub.Close())
		require.NoError(t, e.Close())
		require.NoError(t, app.Destroy())
	})
}

// What the original has nothing for.
func TestTheOwnersEndIsTheEndOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		b := libp2p.NewBus(app)
		one, err := b.Subscribe(new(joined), libp2p.BufSize(0))
		require.NoError(t, err)
		all, err := b.Subscribe(event.WildcardSubscription)
		require.NoError(t, err)
		e, err := b.Emitter(new(joined))
		require.NoError(t, err)
		emitted := make(chan error)
		go func() { emitted <- e.Emit(joined{}) }()
		synctest.Wait()
		require.NoError(t, app.Destroy())
		require.NoError(t, <-emitted, "let go of")
		require.Equal(t, []any{"closed"}, got(one))
		require.Equal(t, []any{"closed"}, got(all))
		require.NoError(t, e.Emit(joined{}))
		require.NoError(t, e.Close())
		require.Empty(t, b.GetAllEventTypes())
	})
}
