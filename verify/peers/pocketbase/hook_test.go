package pocketbase_test

import (
	"errors"
	"math"
	"sync"
	"testing"

	original "github.com/pocketbase/pocketbase/tools/hook"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/verify/peers/pocketbase"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The events of the two kinds are of different types, as the original's interface has
// methods that nobody else can have. So the tests are about this.
type event interface {
	Next() error
	note(string)
	notes() []string
}

type log struct {
	all  []string
	tags []string
}

func (l *log) note(s string)   { l.all = append(l.all, s) }
func (l *log) notes() []string { return l.all }
func (l *log) Tags() []string  { return l.tags }

type originalEvent struct {
	original.Event
	log
}

type tetherEvent struct {
	pocketbase.Event
	log
}

// A kind is a hook of either library.
type kind struct {
	name     string
	bind     func(id string, priority int, f func(event) error) string
	bindFunc func(f func(event) error) string
	tagged   func(tags []string, f func(event) error) string
	canOn    func(tags, event []string) bool
	trigger  func(e event, last ...func(event) error) error
	event    func(tags ...string) event
	unbind   func(...string)
	clear    func()
	length   func() int
}

// both runs test with the original and the adapter, also a zero one.
func both(t *testing.T, test func(t *testing.T, k kind)) {
	h := new(original.Hook[*originalEvent])
	t.Run("original", func(t *testing.T) {
		test(t, kind{
			"original",
			func(id string, priority int, f func(event) error) string {
				return h.Bind(&original.Handler[*originalEvent]{Id: id, Priority: priority, Func: func(e *originalEvent) error { return f(e) }})
			},
			func(f func(event) error) string { return h.BindFunc(func(e *originalEvent) error { return f(e) }) },
			func(tags []string, f func(event) error) string {
				return original.NewTaggedHook(h, tags...).BindFunc(func(e *originalEvent) error { return f(e) })
			},
			func(tags, of []string) bool { return original.NewTaggedHook(h, tags...).CanTriggerOn(of) },
			func(e event, last ...func(event) error) error {
				var fs []func(*originalEvent) error
				for _, f := range last {
					fs = append(fs, func(e *originalEvent) error { return f(e) })
				}
				return h.Trigger(e.(*originalEvent), fs...)
			},
			func(tags ...string) event { return &originalEvent{log: log{tags: tags}} },
			h.Unbind, h.UnbindAll, h.Length,
		})
	})
	app := tether.NewOwner("app")
	for _, h := range []*pocketbase.Hook[*tetherEvent]{pocketbase.New[*tetherEvent](app), {}} {
		t.Run("tether", func(t *testing.T) {
			test(t, kind{
				"tether",
				func(id string, priority int, f func(event) error) string {
					return h.Bind(&pocketbase.Handler[*tetherEvent]{Id: id, Priority: priority, Func: func(e *tetherEvent) error { return f(e) }})
				},
				func(f func(event) error) string { return h.BindFunc(func(e *tetherEvent) error { return f(e) }) },
				func(tags []string, f func(event) error) string {
					return pocketbase.NewTaggedHook(h, tags...).BindFunc(func(e *tetherEvent) error { return f(e) })
				},
				func(tags, of []string) bool { return pocketbase.NewTaggedHook(h, tags...).CanTriggerOn(of) },
				func(e event, last ...func(event) error) error {
					var fs []func(*tetherEvent) error
					for _, f := range last {
						fs = append(fs, func(e *tetherEvent) error { return f(e) })
					}
					return h.Trigger(e.(*tetherEvent), fs...)
				},
				func(tags ...string) event { return &tetherEvent{log: log{tags: tags}} },
				h.Unbind, h.UnbindAll, h.Length,
			})
		})
	}
	require.NoError(t, app.Destroy())
	require.Equal(t, tether.Stats{}, app.Stats())
}

// around returns a handler that notes when it begins and ends.
func around(name string) func(event) error {
	return func(e event) error {
		e.note(name)
		err := e.Next()
		e.note("/" + name)
		return err
	}
}

func (k kind) run(t *testing.T, last ...func(event) error) []string {
	e := k.event()
	require.NoError(t, k.trigger(e, last...))
	return e.notes()
}

func TestHandlersAreCalledOneInsideTheOther(t *testing.T) {
	both(t, func(t *testing.T, k kind) {
		require.Empty(t, k.run(t))
		require.NotEmpty(t, k.bindFunc(around("a")))
		k.bindFunc(around("b"))
		require.Equal(t, []string{"a", "b", "/b", "/a"}, k.run(t))
		require.Equal(t, []string{"a", "b", "c", "d", "/d", "/c", "/b", "/a"}, k.run(t, around("c"), around("d")))
		require.Equal(t, []string{"a", "b", "/b", "/a"}, k.run(t), "those were for once")
		require.Equal(t, 2, k.length())
	})
}

func TestWhoDoesNotCallNextEndsIt(t *testing.T) {
	both(t, func(t *testing.T, k kind) {
		k.bindFunc(around("a"))
		k.bindFunc(func(e event) error { e.note("b"); return nil })
		k.bindFunc(around("c"))
		require.Equal(t, []string{"a", "b", "/a"}, k.run(t, around("last")))
	})
}

func TestAnErrorGoesOutByWayOfAllAround(t *testing.T) {
	both(t, func(t *testing.T, k kind) {
		boom := errors.New("boom")
		k.bindFunc(around("a"))
		k.bindFunc(func(e event) error { return boom })
		e := k.event()
		require.Equal(t, boom, k.trigger(e, around("last")))
		require.Equal(t, []string{"a", "/a"}, e.notes())
		require.PanicsWithValue(t, "no", func() {
			k.clear()
			k.bindFunc(func(event) error { panic("no") })
			_ = k.trigger(k.event())
		})
	})
}

func TestLowerPrioritiesComeFirst(t *testing.T) {
	both(t, func(t *testing.T, k kind) {
		k.bind("", 0, around("0"))
		k.bind("", 5, around("5"))
		k.bind("", math.MinInt, around("least"))
		k.bind("", -1, around("-1"))
		k.bind("", 0, around("0 again"))
		k.bind("", math.MaxInt, around("most"))
		require.Equal(t, []string{"least", "-1", "0", "0 again", "5", "most"}, k.run(t)[:6])
	})
}

func TestAnIdIsBoundOnce(t *testing.T) {
	both(t, func(t *testing.T, k kind) {
		k.bind("a", 0, around("a"))
		require.Equal(t, "b", k.bind("b", 0, around("b")))
		k.bind("c", 0, around("c"))
		k.bind("b", 0, around("b, again"))
		require.Equal(t, 3, k.length())
		require.Equal(t, []string{"a", "b, again", "c"}, k.run(t)[:3], "in the same place")
		k.bind("b", 1, around("b, later"))
		require.Equal(t, []string{"a", "c", "b, later"}, k.run(t)[:3])
		k.unbind("a", "nobody", "c")
		require.Equal(t, 1, k.length())
		require.Equal(t, []string{"b, later", "/b, later"}, k.run(t))
		k.clear()
		require.Zero(t, k.length())
		require.Empty(t, k.run(t))
		ids := map[string]bool{}
		for range 100 {
			ids[k.bindFunc(around("x"))] = true
		}
		require.Len(t, ids, 100)
	})
}

// On purpose: with another priority the adapter's handler comes last of those that have it;
// the original's has the place that a sort finds for it, before those that it stood before.
func TestANewPriorityIsANewPlace(t *testing.T) {
	both(t, func(t *testing.T, k kind) {
		k.bind("a", 0, around("a"))
		k.bind("b", 1, around("b"))
		k.bind("a", 1, around("a, later"))
		if k.name == "original" {
			require.Equal(t, []string{"a, later", "b"}, k.run(t)[:2])
		} else {
			require.Equal(t, []string{"b", "a, later"}, k.run(t)[:2])
		}
	})
}

// On purpose: Next that is called twice tries again what follows. The original's has gone on
// by then, and does nothing.
func TestNextTwiceIsARetry(t *testing.T) {
	both(t, func(t *testing.T, k kind) {
		k.bindFunc(func(e event) error { return errors.Join(e.Next(), e.Next()) })
		k.bindFunc(around("a"))
		if k.name == "original" {
			require.Equal(t, []string{"a", "/a"}, k.run(t))
		} else {
			require.Equal(t, []string{"a", "/a", "a", "/a"}, k.run(t))
		}
	})
}

// A handler that is bound or unbound by another takes effect with the next Trigger. On
// purpose: who was unbound is not called any more by the one that runs.
func TestHandlersMayBindAndUnbind(t *testing.T) {
	both(t, func(t *testing.T, k kind) {
		k.bindFunc(func(e event) error {
			if len(e.notes()) == 0 {
				k.unbind("b")
				k.bind("c", 0, around("c"))
			}
			e.note("a")
			return e.Next()
		})
		k.bind("b", 0, around("b"))
		if k.name == "original" {
			require.Equal(t, []string{"a", "b", "/b"}, k.run(t))
		} else {
			require.Equal(t, []string{"a"}, k.run(t))
		}
		require.Equal(t, []string{"a", "c", "/c"}, k.run(t))
	})
}

func TestTagsSayWhichEventsAHandlerIsFor(t *testing.T) {
	both(t, func(t *testing.T, k kind) {
		k.tagged(nil, around("all"))
		k.tagged([]string{"users", "posts"}, around("some"))
		k.bindFunc(around("plain"))
		for _, c := range []struct {
			tags []string
			want []string
		}{
			{nil, []string{"all", "plain"}},
			{[]string{"other"}, []string{"all", "plain"}},
			{[]string{"other", "posts"}, []string{"all", "some", "plain"}},
		} {
			e := k.event(c.tags...)
			require.NoError(t, k.trigger(e))
			require.Equal(t, c.want, e.notes()[:len(c.want)])
			require.Len(t, e.notes(), 2*len(c.want))
		}
		require.True(t, k.canOn(nil, []string{"a"}))
		require.False(t, k.canOn([]string{"a"}, nil))
		require.True(t, k.canOn([]string{"a"}, []string{"b", "a"}))
	})
}

// All methods may be called at once.
func TestManyAtOnce(t *testing.T) {
	both(t, func(t *testing.T, k kind) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					id := k.bindFunc(around("x"))
					if err := k.trigger(k.event()); err != nil {
						t.Error(err)
					}
					k.unbind(id)
				}
			})
		}
		wg.Wait()
		require.Zero(t, k.length())
	})
}

// What the original has nothing for: when the owner has been destroyed, the last handler has
// returned.
func TestTheOwnersEndIsTheEndOfAll(t *testing.T) {
	app := tether.NewOwner("app")
	h := pocketbase.New[*tetherEvent](app)
	calls := 0 // not atomic: the race detector is the judge
	h.BindFunc(func(e *tetherEvent) error { calls++; return e.Next() })
	done := make(chan error)
	go func() { done <- h.Trigger(new(tetherEvent)) }()
	require.NoError(t, app.Destroy())
	calls++
	require.NoError(t, <-done)
	require.Zero(t, h.Length())
	require.NoError(t, h.Trigger(new(tetherEvent)))
}
