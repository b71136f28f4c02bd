package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/seed-ec287111/tether"
)

// An App is what it takes to run a server.
type App struct {
	Addr    string
	Grace   time.Duration // for requests in progress
	Beat    time.Duration // between heartbeats
	Limits  Limits
	Load    func() (Config, error)
	Signals <-chan os.Signal
	Log     *log.Logger

	beat tether.Source[tether.Tick] // of a test, instead of Beat
}

// hard is how long the rest may take when the grace time is over and everything
// was cut off. It is short: only a handler that does not heed its context takes
// any time then, and the error names it.
const hard = time.Second

// Run serves until ctx ends or a signal comes, and shuts down. All that the
// server has is in the scope of this one call. It returns an error if a request
// had to be cut off.
func (a *App) Run(ctx context.Context, ready func(*Server)) error {
	return tether.Run(ctx, "httpserver", func(owner *tether.Owner) error {
		ln, err := net.Listen("tcp", a.Addr)
		if err != nil {
			return err
		}
		tether.Own(owner, closer{ln}) // in case nobody serves it
		config, err := a.Load()
		if err != nil {
			return err
		}
		beat := a.beat
		if beat == nil {
			beat = tether.NewHeartbeat(owner, a.Beat)
		}
		s := NewServer(owner, beat, config, a.Limits, a.Log)
		var idle unused
		server := &http.Server{
			Handler:           s.Handler(),
			ConnState:         idle.note,
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          a.Log,
			// No request outlives the app.
			BaseContext: func(net.Listener) context.Context { return owner.Context() },
			// What the kernel holds for a slow reader can't be dropped any more.
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				if tcp, ok := c.(*net.TCPConn); ok {
					_ = tcp.SetWriteBuffer(a.Limits.Buffer)
				}
				return ctx
			},
		}
		// Close ends what has not ended in time, by cutting its connection. It does
		// not wait, as an interrupt must not; the requests' owners do.
		owner.Interrupt(func() { _ = server.Close() })
		failed := make(chan error, 1)
		owner.Go(func(context.Context) { failed <- server.Serve(ln) })
		a.Log.Printf("listening on %v", ln.Addr())
		s.addr = ln.Addr().String()
		ready(s)

		if err := a.serve(owner.Context(), s, failed); err != nil {
			return err
		}
		idle.close()
		return a.shutdown(s, server)
	}, tether.WithGrace(hard))
}

// serve returns when it is time to go.
func (a *App) serve(ctx context.Context, s *Server, failed <-chan error) error {
	for {
		select {
		case sig := <-a.Signals:
			if sig != hangup {
				return nil
			}
			config, err := a.Load()
			if err != nil {
				a.Log.Printf("the configuration stays: %v", err)
				continue
			}
			s.reloaded.Fire(config)
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		}
	}
}

// shutdown ends streams now and waits for other requests. http.Server.Shutdown
// alone would wait for the streams, which end only when their clients like.
func (a *App) shutdown(s *Server, server *http.Server) error {
	start := time.Now()
	s.streams.Cancel(Closing)
	ctx, cancel := context.WithTimeout(context.Background(), a.Grace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return fmt.Errorf("cut off after the grace time: %+v: %w", s.requests.Stats(), err)
	}
	a.Log.Printf("shut down in %v", time.Since(start).Round(time.Millisecond))
	return nil
}

// A closer is a listener that may have been closed by the server.
type closer struct{ net.Listener }

func (c closer) Close() error {
	if err := c.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
