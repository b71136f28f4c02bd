// Chat is the chat room that ../../tutorial.md builds, as a server:
//
//	go run ./docs/tutorial/chat          # until ^C
//	go run ./docs/tutorial/chat -demo    # two visitors, and a look at what there is
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-ec287111/tether"
)

// snippet: main
func main() {
	play := flag.Bool("demo", false, "have two visitors, look at what there is, and end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := tether.Run(ctx, "chat", func(app *tether.Owner) error {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		room := NewRoom(app)
		tether.OwnBlocking(app, ln)
		app.GoErr(func(context.Context) error { return serve(app, ln, room) })
		if *play {
			return demo(app, room, ln.Addr().String())
		}
		fmt.Println("the room is open at", ln.Addr())
		<-app.Context().Done() // at ^C, or when serve has failed
		stop()                 // a second ^C kills
		fmt.Println("in the room:", room.Who())
		return nil
	}, tether.WithGrace(5*time.Second))
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("nothing is left")
}

// end

// snippet: serve
// serve lets in whoever dials, until the listener is closed.
func serve(app *tether.Owner, ln net.Listener, room *Room) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err // after the cut-off GoErr does not count it as one
		}
		stop := app.Interrupt(func() { conn.Close() }) // nobody else does, until it is a member's
		app.Go(func(context.Context) {
			defer stop()
			greet(conn, room)
		})
	}
}

// greet asks for a name. Then the connection is the member's.
func greet(conn net.Conn, room *Room) {
	var name string
	fmt.Fprint(conn, "your name? ")
	_, err := fmt.Fscanln(conn, &name) // which reads nothing beyond the line
	if err == nil {
		err = room.Join(name, conn)
	}
	if err != nil {
		fmt.Fprintln(conn, err)
		conn.Close()
	}
}

// end
