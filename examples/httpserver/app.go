package main

import (
	"context"
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
		// The parts end one after the other, newest first: nobody comes in, and what has
		// come in is said; streams send what they have, and say goodbye; requests in
		// progress have the grace time to finish; and who has not is cut off.
		requests := owner.NewChild("requests")
		grace := owner.NewChild("grace")
		streams := owner.NewChild("streams")
		door := owner.NewChild("door")

		ln, err := net.Listen("tcp", a.Addr)
		if err != nil {
			return err
		}
		tether.OwnBlocking(door, ln)
		config, err := a.Load()
		if err != nil {
			return err
		}
		beat := a.beat
		if beat == nil {
			beat = tether.NewHeartbeat(owner, a.Beat)
		}
		s := NewServer(owner, requests, streams, beat, config, a.Limits, a.Log)
		var idle unused
		server := &http.Server{
			Handler:           s.Handler(),
			ConnState:         idle.note,
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          a.Log,
			// What the kernel holds for a slow reader can't be dropped any more.
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				if tcp, ok := c.(*net.TCPConn); ok {
					_ = tcp.SetWriteBuffer(a.Limits.Buffer)
				}
				return ctx
			},
		}
		door.GoErr(func(context.Context) error { return server.Serve(ln) })
		door.Interrupt(idle.close)
		door.Go(func(ctx context.Context) {
			<-ctx.Done()
			_ = s.queue.Flush(context.WithoutCancel(ctx))
		})
		grace.GoErr(func(ctx context.Context) error {
			<-ctx.Done()
			return a.shutdown(s, server)
		})
		// Close cuts the connections. It does not wait, as an interrupt must not; the
		// requests' owners do.
		requests.Interrupt(func() { _ = server.Close() })
		a.Log.Printf("listening on %v", ln.Addr())
		s.addr = ln.Addr().String()
		ready(s)
		return a.serve(ctx, s, door)
	}, tether.Staged(), tether.WithGrace(a.Grace+a.Limits.Goodbye+hard))
}

// serve returns when it is time to go.
func (a *App) serve(ctx context.Context, s *Server, door *tether.Owner) error {
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
		case <-door.Ended(): // the first to end with ctx, or else it has failed
			if ctx.Err() == nil {
				return context.Cause(door.Context())
			}
			return nil
		}
	}
}

// shutdown waits for requests in progress. The streams have ended by then:
// http.Server.Shutdown alone would wait for them, which end when their clients like.
func (a *App) shutdown(s *Server, server *http.Server) error {
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), a.Grace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return fmt.Errorf("cut off after the grace time: %+v: %w", s.requests.Stats(), err)
	}
	a.Log.Printf("requests have ended within %v", time.Since(start).Round(time.Millisecond))
	return nil
}
