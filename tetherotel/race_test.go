package tetherotel_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/seed-ec287111/tether/tetherotel"
)

// Owners with queues come and go under many names, more than there are groups, while two
// readers collect. No group's counter falls for a reader, and at the end each has what was
// fired.
func TestCountersOfEachGroupNeverFallWhileOwnersComeAndGo(t *testing.T) {
	for _, processors := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(processors), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			one, two := sdk.NewManualReader(), sdk.NewManualReader()
			provider := sdk.NewMeterProvider(sdk.WithReader(one), sdk.WithReader(two))
			app := newOwner(t, "app")
			require.NoError(t, tetherotel.Register(app, provider, app, tetherotel.Groups(3)))
			const rounds = 60
			names := []string{"a", "b", "c", "d", "e"}
			var done atomic.Bool
			var makers, readers sync.WaitGroup
			for _, r := range []sdk.Reader{one, two} {
				readers.Go(func() {
					last := make(reading)
					for !done.Load() {
						got := read(t, r)
						for _, counter := range []string{"tether.queue.taken", "tether.queue.dropped"} {
							for group, before := range last[counter] {
								if now, ok := got[counter][group]; !ok || now < before || now > rounds*5*int64(len(names)) {
									t.Errorf("%s of %s: %d after %d", counter, group, now, before)
									return
								}
							}
						}
						last = got
					}
				})
			}
			for _, name := range names {
				makers.Go(func() {
					for range rounds {
						table := app.NewChild("table")
						fill(table.NewChild(name))
						if err := table.Destroy(); err != nil {
							t.Error(err)
						}
					}
				})
			}
			makers.Wait()
			done.Store(true)
			readers.Wait()
			got := read(t, one)
			require.Len(t, got["tether.queue.taken"], 4)
			require.EqualValues(t, rounds*5*len(names), got.sum("tether.queue.taken"))
			require.EqualValues(t, rounds*5*len(names), got.sum("tether.queue.dropped"))
			for _, name := range names {
				if n, ok := got["tether.queue.taken"][name]; ok {
					require.EqualValues(t, rounds*5, n, name)
				}
			}
		})
	}
}

// A registration ends while its provider collects, and others begin.
func TestRegistrationsComeAndGoWhileTheProviderCollects(t *testing.T) {
	provider, reader := newProvider()
	app := newOwner(t, "app")
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !done.Load() {
			got := read(t, reader)
			if n := got.sum("tether.owner.count"); n < 0 || n > 2*5 {
				t.Errorf("%d owners", n)
			}
		}
	})
	var makers sync.WaitGroup
	for range 2 {
		makers.Go(func() {
			for range 50 {
				owner := app.NewChild("telemetry")
				if err := tetherotel.Register(owner, provider, owner); err != nil {
					t.Error(err)
				}
				if err := owner.Destroy(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	makers.Wait()
	done.Store(true)
	wg.Wait()
	require.Empty(t, read(t, reader))
}
