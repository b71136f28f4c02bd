package keyed_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// group returns a group of players in an app that ends with the test.
func group(t *testing.T) (*tether.Owner, *keyed.Owners[string]) {
	app := tether.NewOwner("app")
	t.Cleanup(func() { app.Destroy() })
	return app, keyed.New[string](app, "players")
}

type closer func() error

func (c closer) Close() error { return c() }

// busy gives o a goroutine that ends only when release is closed.
func busy(o *tether.Owner) (release chan bool) {
	release = make(chan bool)
	o.Go(func(context.Context) { <-release })
	return release
}
