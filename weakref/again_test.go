package weakref_test

import (
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/weakref"
)

// A Source of the user's may connect again with the options that it was given, as one does that
// has lost its server.
func TestConnect_KeepsNothingOfWhatItsSourceConnectsLater(t *testing.T) {
	app := tether.NewOwner("app")
	s := tether.NewSignal[int](app)
	var again func() *tether.Connection
	src := tether.NewSource(func(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
		again = func() *tether.Connection { return s.Connect(owner, handler, opts...) }
		return again()
	})
	target := new(int)
	weakref.Connect(app, src, target, func(*int, int) {})
	var gone weak.Pointer[tether.Connection]
	for i := range 100 { // a signal may keep the last few that have ended
		c := again()
		if i == 0 {
			gone = weak.Make(c)
		}
		c.Disconnect()
	}
	runtime.GC()
	require.Nil(t, gone.Value())
	runtime.KeepAlive(target)
	runtime.KeepAlive(again)
	app.Destroy()
	testkit.Collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
}
