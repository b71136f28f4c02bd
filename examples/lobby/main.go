// Lobby is a chat server, and the model of an application whose every
// connection, goroutine and subscription has an owner.
//
//	go run ./examples/lobby                 # a show: 200 clients come, chat and go
//	go run ./examples/lobby -listen :4000   # for people: nc localhost 4000
//
// With -debug localhost:6060 its owners, and the profiles, can be looked at in a browser.
//
// Either way it counts, before and after, what there is of owners, connections
// and goroutines, and exits with 1 if anything is left.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/examples/internal/debugport"
)

// A Server is what it takes to run a lobby.
type Server struct {
	Out     io.Writer
	Log     *log.Logger
	Signals <-chan os.Signal
	Census  *Census

	Addr   string
	Beat   time.Duration
	Limits Limits
	Grace  time.Duration // for the shutdown
}

func main() {
	listen := flag.String("listen", "", "serve people at this `address` until interrupted, instead of the show")
	clients := flag.Int("clients", 200, "how many clients the show has")
	stop, _ := debugport.Parse()

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)

	var ok bool
	if *listen != "" {
		ok = people(os.Stdout, *listen, signals)
	} else {
		ok = show(os.Stdout, *clients, 100*time.Millisecond, signals)
	}
	stop()
	if !ok {
		os.Exit(1)
	}
}

// people serves whoever comes, until a signal does.
func people(out io.Writer, addr string, signals <-chan os.Signal) bool {
	s := &Server{
		Out: out, Log: log.New(out, "", log.Ltime), Signals: signals, Census: NewCensus(),
		Addr: addr, Beat: time.Second, Grace: 5 * time.Second,
		Limits: Limits{
			Clients: 1000, Line: 512, Flood: 10, Idle: 300, Pending: 256, Buffer: 64 << 10,
			Write: 10 * time.Second, Goodbye: time.Second,
		},
	}
	err := s.Run(func(l *Lobby) error {
		<-l.owner.Context().Done()
		return nil
	})
	return s.Census.Report(out, err)
}

// Run opens a lobby, calls f with it, and shuts it down when f returns. All that
// the server has is in the scope of this one call.
func (s *Server) Run(f func(*Lobby) error) error {
	var closing time.Time
	ctx, end := context.WithCancel(context.Background())
	defer end()
	err := tether.Run(ctx, "lobby", func(owner *tether.Owner) error {
		ln, err := net.Listen("tcp", s.Addr)
		if err != nil {
			return err
		}
		beat := tether.NewHeartbeat(owner, s.Beat)
		s.Census.Watch(owner, beat)
		l := Open(owner, ln, beat, s.Limits, s.Log)
		fmt.Fprintf(s.Out, "listening on %v\n", ln.Addr())

		owner.Go(func(ctx context.Context) {
			select {
			case <-s.Signals:
				end() // begins the stages; Cancel would pass over them
			case <-ctx.Done():
			}
		})
		err = f(l)
		closing = time.Now()
		return err
	}, tether.Staged(), tether.WithGrace(s.Grace))
	if !closing.IsZero() {
		fmt.Fprintf(s.Out, "shut down in %v\n", time.Since(closing).Round(time.Millisecond))
	}
	return err
}
