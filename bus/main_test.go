package bus_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	bg      = context.Background()
	errBoom = errors.New("boom")
)

type key struct{}

func newApp(t *testing.T) *tether.Owner {
	app := tether.NewOwner("app")
	t.Cleanup(func() { require.NoError(t, app.Destroy()) })
	return app
}

func newBus(t *testing.T, opts ...bus.Option) (*tether.Owner, *bus.Bus) {
	app := newApp(t)
	return app, bus.New(app, "bus", opts...)
}

// letters collects the letters of b.
func letters(app *tether.Owner, b *bus.Bus) *[]bus.Letter {
	all := new([]bus.Letter)
	b.Dead().Connect(app, func(l bus.Letter) { *all = append(*all, l) })
	return all
}
