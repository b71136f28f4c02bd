package inspect_test

import (
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/inspect"
	"github.com/seed-ec287111/tether/keyed"
	"github.com/seed-ec287111/tether/tethertest"
	"github.com/seed-ec287111/tether/weakref"
)

func (*sprite) fails(int) { panic("fails") }

// doubled is a source with a function of its own around each handler.
func doubled(src tether.Source[int]) tether.Source[int] {
	return tether.NewSource(func(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
		return src.Connect(owner, func(v int) { handler(2 * v) }, opts...)
	})
}

// The library's own function that stands between was named in place of the user's.
func TestWrapper_APanicInOneIsTheUsers(t *testing.T) {
	var got []string
	app := tether.NewOwner("app", tether.WithPanicHandler(func(p *tether.PanicError) { got = append(got, p.Func) }))
	defer app.Destroy()
	var s tether.Signal[int]
	target := new(sprite)
	weakref.Connect(app, &s, target, (*sprite).fails)
	history.Record(app, &s, 1).Connect(app, func(int) { target.fails(1) })
	s.Fire(1)
	require.Len(t, got, 2)
	require.Contains(t, got[0], "inspect_test.(*sprite).fails (")
	require.Contains(t, got[1], "inspect_test.TestWrapper_APanicInOneIsTheUsers.func2 (")
	runtime.KeepAlive(target)
}

func TestWrapper_AStuckHandlerInOneIsTheUsers(t *testing.T) {
	for name, connect := range map[string]func(o *tether.Owner, s *tether.Signal[int], h func(int)){
		"weakref": func(o *tether.Owner, s *tether.Signal[int], h func(int)) {
			target := new(sprite)
			weakref.Connect(o, s, target, func(_ *sprite, v int) { h(v) })
			o.Defer(func() { runtime.KeepAlive(target) })
		},
		"source":  func(o *tether.Owner, s *tether.Signal[int], h func(int)) { doubled(s).Connect(o, h) },
		"sources": func(o *tether.Owner, s *tether.Signal[int], h func(int)) { doubled(doubled(s)).Connect(o, h) },
		"once":    func(o *tether.Owner, s *tether.Signal[int], h func(int)) { doubled(s).Once(o, h) },
		"replay": func(o *tether.Owner, s *tether.Signal[int], h func(int)) {
			history.Record(o.NewChild("ring"), s, 1).Connect(o, h)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				let := make(chan bool)
				app := tether.NewOwner("app")
				var s tether.Signal[int]
				stuck := app.NewChild("stuck")
				connect(stuck, &s, waits[int](let))
				var slow []inspect.Slow
				stop := inspect.Watch(stuck, time.Second, func(s inspect.Slow) { slow = append(slow, s) })
				go s.Fire(1)
				time.Sleep(time.Minute)
				stop()
				close(let)
				synctest.Wait()
				for _, s := range slow {
					if s.Owner != "app/stuck" {
						require.Equal(t, "history.Record", s.Func.String(), "the ring is held up, too")
						continue
					}
					if name == "once" { // its connection has ended, and two handlers run
						require.Equal(t, inspect.Place{}, s.Func)
						continue
					}
					require.Contains(t, s.Stack, "inspect_test.waits[...].func1", s.Func)
					if name == "weakref" {
						require.Contains(t, s.Func.String(), "inspect_test.TestWrapper_AStuckHandlerInOneIsTheUsers.func1", s.Func)
					} else {
						require.Contains(t, s.Func.String(), "inspect_test.waits[...].func1", s.Func)
					}
				}
				require.NotEmpty(t, slow)
				require.NoError(t, app.Destroy())
			})
		})
	}
}

func TestWrapper_ACallByWayOfAnotherPackageIsTheUsers(t *testing.T) {
	defer inspect.RecordSites()()
	here := "inspect_test.TestWrapper_ACallByWayOfAnotherPackageIsTheUsers ("
	require.Contains(t, inspect.Of(tethertest.NewOwner(t)).Made.String(), here)
	app := newOwner(t, "app")
	require.Contains(t, inspect.Of(keyed.New[int](app, "group").Get(1)).Made.String(), here)
	require.Contains(t, inspect.Of(keyed.New[int](app, "other").Replace(1)).Made.String(), here)
	tether.NewHeartbeat(app, time.Hour).Connect(app, func(tether.Tick) {})
	for c := range inspect.Of(app).Children() {
		require.Contains(t, c.Made.String(), here, c.Path)
	}
	require.NoError(t, tether.Run(t.Context(), "run", func(o *tether.Owner) error {
		require.Contains(t, inspect.Of(o).Made.String(), here)
		return nil
	}))
}

// A profile's stacks began in the packages between.
func TestWrapper_AProfilesStacksBeginWithTheUsers(t *testing.T) {
	stop := inspect.Profile()
	defer stop()
	app := newOwner(t, "app")
	var s tether.Signal[int]
	keyed.New[int](app, "group").Get(1)
	history.Record(app, &s, 1)
	for _, profile := range []string{"tether.owners", "tether.connections"} {
		var b strings.Builder
		require.NoError(t, pprof.Lookup(profile).WriteTo(&b, 1))
		require.Contains(t, b.String(), "TestWrapper_AProfilesStacksBeginWithTheUsers")
		require.NotContains(t, b.String(), "tether/keyed.")
		require.NotContains(t, b.String(), "tether/history.")
		require.NotContains(t, b.String(), "tether.(*")
	}
}
