package recipes

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/state"
	"github.com/seed-ec287111/tether/tethertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// snippet: http
func events(app *tether.Owner, said tether.Source[string]) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		client := app.NewChild(r.RemoteAddr, tether.WithContext(r.Context()))
		defer client.Destroy()
		w.Header().Set("Content-Type", "text/event-stream")
		stream := http.NewResponseController(w)
		_ = stream.Flush()
		for line := range tether.Values(client.Context(), said, 16, tether.DropOldest) {
			fmt.Fprintf(w, "data: %s\n\n", line)
			if stream.Flush() != nil {
				return
			}
		}
	}
}

// end

func TestHTTPHandler(t *testing.T) {
	for _, end := range []string{"the client goes", "the app ends"} {
		t.Run(end, func(t *testing.T) {
			tethertest.VerifyNone(t)
			app := tether.NewOwner("app")
			defer app.Destroy()
			var said tether.Signal[string]
			server := httptest.NewServer(events(app, &said))
			defer server.Close()
			res, err := server.Client().Get(server.URL)
			require.NoError(t, err)
			defer res.Body.Close()
			for said.Len() == 0 {
				time.Sleep(time.Millisecond)
			}
			said.Fire("hello")
			body := bufio.NewReader(res.Body)
			line, err := body.ReadString('\n')
			require.NoError(t, err)
			assert.Equal(t, "data: hello\n", line)
			if end == "the app ends" {
				app.Destroy()
				_, err = io.ReadAll(body)
				assert.NoError(t, err)
			} else {
				res.Body.Close()
			}
			for said.Len() > 0 || app.Alive() && app.Stats().Owners > 1 { // until the client's has ended
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// snippet: end
func run(ctx context.Context, serve func(app *tether.Owner) error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second ^C kills
	return tether.Run(ctx, "app", func(app *tether.Owner) error {
		if err := serve(app); err != nil {
			return err
		}
		<-app.Context().Done() // at ^C, or when a goroutine of GoErr has failed
		return nil
	}, tether.WithGrace(10*time.Second))
}

// end

func TestEnd(t *testing.T) {
	tethertest.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	cleaned := 0
	begin := func(app *tether.Owner) error {
		app.Defer(func() { cleaned++ })
		time.AfterFunc(time.Millisecond, cancel)
		return nil
	}
	assert.NoError(t, run(ctx, begin))
	assert.ErrorIs(t, run(t.Context(), func(*tether.Owner) error { return io.EOF }), io.EOF)
	assert.ErrorIs(t, run(t.Context(), func(app *tether.Owner) error {
		app.GoErr(func(context.Context) error { return io.EOF })
		return nil
	}), io.EOF)
	assert.Equal(t, 1, cleaned)
}

// snippet: config
type Config struct{ Every time.Duration }

func poll(app *tether.Owner, hup <-chan os.Signal, load func() Config, ask func()) {
	conf := state.NewValue(app, load())
	derive.FromChan(app, hup).Connect(app, func(os.Signal) { conf.Set(load()) })
	state.NewEffect(app, func(use *state.Use, run *tether.Owner) {
		beat := tether.NewHeartbeat(run, conf.Use(use).Every)
		beat.Connect(run, func(tether.Tick) { ask() })
	})
}

// end

func TestConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tethertest.VerifyNone(t)
		app := tether.NewOwner("app")
		hup := make(chan os.Signal, 1)
		conf, asked := Config{time.Second}, 0
		poll(app, hup, func() Config { return conf }, func() { asked++ })
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		assert.Equal(t, 10, asked)
		before := app.Stats()
		conf.Every = time.Minute
		hup <- syscall.SIGINT
		synctest.Wait()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		assert.Equal(t, 20, asked)
		assert.Equal(t, before, app.Stats(), "there is one heartbeat")
		app.Destroy()
		assert.Zero(t, app.Stats())
	})
}
