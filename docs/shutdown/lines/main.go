package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-ec287111/tether"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := tether.Run(ctx, "lines", func(app *tether.Owner) error {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		tether.OwnBlocking(app, ln)
		app.GoErr(func(context.Context) error { return serve(app, ln) })
		if err := visit(app, ln.Addr().String()); err != nil {
			return err
		}
		<-app.Context().Done() // at ^C, or when serve has failed
		stop()
		return nil
	}, tether.WithGrace(5*time.Second))
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// serve sends each line of a client to all of them. It returns when Accept fails: after
// the cut-off that is no error to GoErr.
func serve(app *tether.Owner, ln net.Listener) error {
	var said tether.Signal[string]
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		client := app.NewChild(conn.RemoteAddr().String()) // born dead, if it comes too late
		tether.OwnBlocking(client, conn)                   // and then conn is closed here
		client.Defer(func() { fmt.Println("a client has left") })
		said.Connect(client, func(line string) { fmt.Fprintln(conn, line) })
		client.Go(func(context.Context) {
			defer client.Cancel(nil) // its reader's end is that of the client
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				said.Fire(lines.Text())
			}
		})
	}
}

// visit is a client, who stays.
func visit(app *tether.Owner, addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	tether.OwnBlocking(app, conn)
	fmt.Fprintln(conn, "hello")
	answer, err := bufio.NewReader(conn).ReadString('\n')
	fmt.Print("a client hears: ", answer)
	return err
}
