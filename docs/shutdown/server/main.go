package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-ec287111/tether"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	err := tether.Run(ctx, "server", func(app *tether.Owner) error {
		said := tether.NewSignal[string](app) // open until all children have ended
		store(app.NewChild("store"), said)    // made first, ends last
		streams := app.NewChild("streams")
		jobs := app.NewChild("jobs")
		listener := app.NewChild("listener") // made last, ends first
		listener.Defer(func() { fmt.Println("listener: nobody comes in any more") })

		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		tether.OwnBlocking(listener, ln)
		listener.GoErr(func(context.Context) error { return serve(ln, streams, said) })
		heard, err := visit(ln.Addr().String())
		if err != nil {
			return err
		}
		app.Defer(func() { fmt.Print("the client has heard:\n", <-heard) })
		job(jobs.NewChild("job 1"), said)
		fmt.Println("running")

		<-listener.Ended() // at ^C; or by itself, and then it says why
		if ctx.Err() == nil {
			return context.Cause(listener.Context())
		}
		return nil
	}, tether.Staged(), tether.WithGrace(5*time.Second))
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// serve has a stream for each connection, which is sent all that is said.
func serve(ln net.Listener, streams *tether.Owner, said *tether.Signal[string]) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		stream := streams.NewChild(conn.RemoteAddr().String())
		tether.Own(stream, conn) // Own: what is in the queue is written before
		stream.Defer(func() { fmt.Fprintln(conn, "goodbye") })
		q := tether.NewQueue(stream, 100, tether.DropOldest, tether.Finish())
		said.Connect(stream, func(line string) {
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			if _, err := fmt.Fprintln(conn, line); err != nil {
				stream.Cancel(err)
			}
		}, tether.On(q))
		said.Fire("a client has come")
	}
}

// job says what it does, and has a last word.
func job(owner *tether.Owner, said *tether.Signal[string]) {
	said.Fire(owner.Name() + " begins")
	owner.Go(func(ctx context.Context) {
		<-ctx.Done() // works, until it is to end
		said.Fire(owner.Name() + " stops halfway")
	})
}

// store keeps what is said.
func store(owner *tether.Owner, said *tether.Signal[string]) {
	n := 0
	owner.Defer(func() { fmt.Println("store: closed, with", n, "lines") })
	q := tether.NewQueue(owner, 100, tether.Block, tether.Finish())
	said.Connect(owner, func(string) { n++ }, tether.On(q))
}

// visit is a client. It returns when it is in, and sends all that it has heard.
func visit(addr string) (heard chan string, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewReader(conn)
	first, err := lines.ReadString('\n')
	heard = make(chan string, 1)
	go func() {
		rest, _ := io.ReadAll(lines)
		heard <- first + string(rest)
	}()
	return heard, err
}
