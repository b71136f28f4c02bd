package inspect_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

// connectAll and makeAll are what the profiles are to name.
func connectAll(o *tether.Owner, s *tether.Signal[int], n int) {
	for range n {
		s.Connect(o, func(int) {})
	}
}

func makeAll(o *tether.Owner, n int) (made []*tether.Owner) {
	for range n {
		made = append(made, o.NewChild("child"))
	}
	return made
}

// counts returns how many entries the two profiles have.
func counts() (owners, connections int) {
	return pprof.Lookup("tether.owners").Count(), pprof.Lookup("tether.connections").Count()
}

func requireCounts(t *testing.T, owners, connections int, when string) {
	t.Helper()
	o, c := counts()
	require.Equal(t, owners, o, "owners, %s", when)
	require.Equal(t, connections, c, "connections, %s", when)
}

// top returns what go tool pprof says of a profile.
func top(t *testing.T, name string) string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command")
	}
	file := filepath.Join(t.TempDir(), name)
	f, err := os.Create(file)
	require.NoError(t, err)
	require.NoError(t, pprof.Lookup(name).WriteTo(f, 0))
	require.NoError(t, f.Close())
	out, err := exec.Command(tool, "tool", "pprof", "-top", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestProfile_NamesWhoMadeOwnersAndConnections(t *testing.T) {
	app := newOwner(t, "app")
	var s tether.Signal[int]
	connectAll(app, &s, 1)
	stop := inspect.Profile()
	defer stop()
	requireCounts(t, 0, 0, "what was there before is not counted")
	connectAll(app, &s, 30)
	made := makeAll(app, 20)
	requireCounts(t, 20, 30, "made")
	require.Regexp(t, `(?m)^ +30 +100% +100% +30 +100% +\S*inspect_test\.connectAll( \(inline\))?$`, top(t, "tether.connections"))
	require.Regexp(t, `(?m)^ +20 +100% +100% +20 +100% +\S*inspect_test\.makeAll( \(inline\))?$`, top(t, "tether.owners"))
	var text bytes.Buffer
	require.NoError(t, pprof.Lookup("tether.owners").WriteTo(&text, 1))
	require.Contains(t, text.String(), "profile_test.go:")

	again := inspect.Profile()
	made[0].Destroy()
	s.DisconnectAll()
	requireCounts(t, 19, 0, "ended")
	again()
	again()
	requireCounts(t, 19, 0, "one of two has stopped")
	stop()
	stop()
	requireCounts(t, 0, 0, "stopped")
	connectAll(app, &s, 3)
	requireCounts(t, 0, 0, "after that")
}

// Whatever makes a connection, its user is named, not the library.
func TestProfile_HasEveryWayOfConnectingOnce(t *testing.T) {
	defer inspect.Profile()()
	app := newOwner(t, "app")
	var s tether.Signal[int]
	q := tether.NewQueue(app, 9, tether.DropNewest, tether.Manual())
	ways := map[string]func() *tether.Connection{
		"Connect":     func() *tether.Connection { return s.Connect(app, func(int) {}) },
		"Once":        func() *tether.Connection { return s.Once(app, func(int) {}) },
		"ConnectSelf": func() *tether.Connection { return s.ConnectSelf(app, func(*tether.Connection, int) {}) },
		"On":          func() *tether.Connection { return s.Connect(app, func(int) {}, tether.On(q)) },
		"Once On":     func() *tether.Connection { return s.Once(app, func(int) {}, tether.On(q)) },
	}
	for name, connect := range ways {
		c := connect()
		requireCounts(t, 1, 1, name)
		var text bytes.Buffer
		require.NoError(t, pprof.Lookup("tether.connections").WriteTo(&text, 1))
		require.NotContains(t, text.String(), "tether.(*Signal", name)
		require.Contains(t, text.String(), "TestProfile_HasEveryWayOfConnectingOnce", name)
		c.Disconnect()
		requireCounts(t, 1, 0, name+", disconnected")
	}
	for range 2 {
		ways["Once"]()
		ways["Once On"]()
	}
	s.Fire(1)
	q.Drain()
	collect(t, "the entries of the spent", func() bool { _, c := counts(); return c == 0 })
	ways["Once On"]()
	s.Fire(1)
	app.Destroy()
	requireCounts(t, 0, 0, "destroyed")
	ways["On"]()
	app.NewChild("born dead")
	requireCounts(t, 0, 0, "of a dead owner")
}

// Profiles hold tokens: what a program has lost is found, and leaves them.
func TestProfile_KeepsNothingAlive(t *testing.T) {
	defer inspect.Profile()()
	found := make(chan tether.Lost, 1)
	defer tether.OnLost(func(l tether.Lost) {
		if l.Name == "profiled" {
			found <- l
		}
	})()
	func() {
		o := tether.NewOwner("profiled")
		connectAll(o.NewChild("child"), new(tether.Signal[int]), 3)
	}()
	requireCounts(t, 2, 3, "lost")
	collect(t, "the lost owner", func() bool { return len(found) == 1 })
	collect(t, "the entries", func() bool { o, c := counts(); return o == 0 && c == 0 })
}

func TestLabel_OwnedGoroutinesAreLabelled(t *testing.T) {
	app := newOwner(t, "app")
	lobby := app.NewChild("lobby")
	ready, gate := make(chan bool), make(chan bool)
	start := func() {
		lobby.Go(func(context.Context) { ready <- true; <-gate })
		<-ready
	}
	labelled := func() bool {
		var buf bytes.Buffer
		require.NoError(t, pprof.Lookup("goroutine").WriteTo(&buf, 1))
		return bytes.Contains(buf.Bytes(), []byte(`"tether.owner":"app/lobby"`))
	}
	start()
	require.False(t, labelled())
	stop := inspect.Label()
	start()
	require.True(t, labelled())
	stop()
	stop()
	gate <- true
	gate <- true
	require.NoError(t, app.Destroy())
	require.False(t, labelled())
}

// A fallingContext calls fall when it is asked for a value, once.
type fallingContext struct {
	context.Context
	fall atomic.Pointer[func()]
}

func (c *fallingContext) Value(key any) any {
	if f := c.fall.Swap(nil); f != nil {
		(*f)()
	}
	return c.Context.Value(key)
}

// Label asks the owner's context for labels, before the function begins. If a context that the
// owner is bound to called Goexit there, the goroutine was never counted out, and Destroy hung.
// A panic there was not the owner's to supervise.
func TestLabel_AContextThatFallsDoesNotTakeTheGoroutineWithIt(t *testing.T) {
	for name, fall := range map[string]func(){"Goexit": runtime.Goexit, "panic": func() { panic("fell") }} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			falling, panics := &fallingContext{Context: ctx}, 0
			o := tether.NewOwner("app", tether.WithContext(falling), tether.WithPanicHandler(func(*tether.PanicError) { panics++ }))
			defer inspect.Label()()
			falling.fall.Store(&fall)
			o.Go(func(context.Context) {})
			for falling.fall.Load() != nil {
				runtime.Gosched()
			}
			within, done := context.WithTimeout(t.Context(), 10*time.Second)
			defer done()
			require.NoError(t, o.DestroyContext(within))
			require.Equal(t, name == "panic", panics == 1)
		})
	}
}

func ExampleProfile() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	stop := inspect.Profile()
	defer stop()
	var said tether.Signal[string]
	for range 3 {
		said.Connect(app, func(string) {})
	}
	p := pprof.Lookup("tether.connections") // for WriteTo and go tool pprof
	fmt.Println(p.Count())
	said.DisconnectAll()
	fmt.Println(p.Count())
	// Output:
	// 3
	// 0
}

// The end of a connection that is spent on a queue was told to nobody.
func TestProfile_ForgetsAnOnceThatIsSpentOnAQueue(t *testing.T) {
	defer inspect.Profile()()
	app := newOwner(t, "app")
	var s tether.Signal[int]
	q := tether.NewQueue(app, 1, tether.DropNewest, tether.Manual())
	s.Once(app, func(int) {}, tether.On(q))
	requireCounts(t, 1, 1, "connected")
	s.Fire(1)
	requireCounts(t, 1, 0, "spent")
	q.Drain()
	requireCounts(t, 1, 0, "handled")
}
