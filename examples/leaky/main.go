// Leaky is a program that does wrong what can be done wrong with owners, six
// times, and has the tools name each place.
//
//	go run ./examples/leaky
//	go run ./examples/leaky -debug localhost:6060
//
// The first one ends by itself. The second one goes on until ^C, and a page in the browser names
// the places. It plays a server whose clients come and go. Each fault is marked by a comment.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/examples/internal/debugport"
	"github.com/seed-ec287111/tether/inspect"
)

func main() {
	stop, serves := debugport.Parse()
	defer stop()
	f := run
	if serves {
		f = serve
	}
	if err := f(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// serve runs the server until it is interrupted, so that a page can be opened on it.
func serve(io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app := tether.NewOwner("app")
	s := newServer(app)
	go s.saved.Fire("state")
	for n := 0; ctx.Err() == nil; n++ {
		s.client(n)
		if n%20 == 0 {
			forget()
		}
		runtime.GC() // finds what was forgotten; otherwise that comes with time
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
	}
	close(s.disk) // else these would hold up the end
	close(s.hung)
	return app.Destroy()
}

// run runs the server for some beats, and writes what the tools report.
func run(out io.Writer) error {
	defer inspect.RecordSites()()
	lost := make(chan tether.Lost, 1)
	defer tether.OnLost(func(l tether.Lost) { lost <- l })()

	app := tether.NewOwner("app")
	s := newServer(app)
	var beats tether.Signal[tether.Tick] // by hand, so that every run is the same
	found := 0
	inspect.WatchGrowth(app, &beats, 0, func(g inspect.Group) {
		found++
		fmt.Fprintf(out, "grows: %d × %s %s of %s, %s\n", g.Count, g.Kind, g.What, g.Owner, short(g.Func))
	})
	slow := make(chan inspect.Slow)
	defer inspect.Watch(app, 50*time.Millisecond, func(s inspect.Slow) { slow <- s })()

	for beat := range 4 {
		for i := range 5 {
			s.client(5*beat + i)
		}
		beats.Fire(tether.Tick{N: uint64(beat + 1)})
	}

	fmt.Fprintln(out, "\nthe tree:")
	if err := inspect.Dump(out); err != nil {
		return err
	}

	forget()
	for len(lost) == 0 {
		runtime.GC()
	}
	l := <-lost
	fmt.Fprintf(out, "\nlost: %s with %d connections, made by %s\n", l.Name, l.Held.Connections, l.Site)

	go s.saved.Fire("state")
	h := <-slow
	fmt.Fprintf(out, "stuck: %s of %s, %s\n", h.Kind, h.Owner, short(h.Func))

	done := make(chan error)
	go func() { done <- app.Destroy() }()
	close(s.disk) // else that handler would hold up the end
	d := <-slow
	fmt.Fprintf(out, "stuck: %s of %s, which waits for\n", d.Kind, d.Owner)
	for _, r := range d.Running[:1] {
		fmt.Fprintf(out, "  %s %s of %s, and %d more\n", r.Kind, r.Func, r.Owner, len(d.Running)-1)
	}
	close(s.hung)
	return <-done
}

// short leaves out the directory, which is another on every machine.
func short(p inspect.Place) string {
	return fmt.Sprintf("%s (%s:%d)", p.Name, filepath.Base(p.File), p.Line)
}

// A server has clients.
type server struct {
	app    *tether.Owner
	joined tether.Signal[string]
	said   tether.Signal[string]
	saved  tether.Signal[string]
	disk   chan bool // what a handler waits for that never comes
	hung   chan bool // and a goroutine
}

func newServer(app *tether.Owner) *server {
	s := &server{app: app, disk: make(chan bool), hung: make(chan bool)}
	s.joined.Connect(app, func(name string) {
		// A handler connects to an owner that outlives what it is about: the app, in
		// place of the client's own.
		s.said.Connect(s.app, func(line string) { greet(name, line) }) // leak 1
	})
	s.saved.Connect(app, func(string) { // leak 6
		<-s.disk // a handler that does not return
	})
	return s
}

// client lets a client come, talk and go.
func (s *server) client(n int) {
	// An owner for each client, which nobody destroys when it goes.
	client := s.app.NewChild(fmt.Sprint("client-", n)) // leak 2
	client.Defer(func() {})

	// A cleanup for each client, of an owner that stays.
	s.app.Defer(func() { forgetClient(n) }) // leak 3

	// A goroutine that does not look at its context.
	s.app.Go(func(context.Context) { // leak 4
		<-s.hung
	})
	s.joined.Fire(fmt.Sprint("client-", n))
	s.said.Fire("hello")
}

// forget makes a root that nobody can destroy any more.
func forget() {
	task := tether.NewOwner("task") // leak 5
	tether.NewSignal[int](task).Connect(task, func(int) {})
}

func greet(name, line string) { _, _ = name, line }
func forgetClient(n int)      { _ = n }
