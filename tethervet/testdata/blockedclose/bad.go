// Package blockedclose has closers that come too late, and in good.go others that
// do not.
package blockedclose

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"

	"testdata/blockedclose/other"

	"github.com/seed-ec287111/tether"
)

func reads(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn) // want `Own closes conn when the goroutines of o have returned, and one of them blocks in it \(line 21\): Destroy hangs; use OwnBlocking`
	o.Go(func(context.Context) {
		var b [512]byte
		for {
			if _, err := conn.Read(b[:]); err != nil {
				return
			}
		}
	})
}

func scans(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn) // want `Own closes conn`
	o.Go(func(context.Context) {
		for s := bufio.NewScanner(conn); s.Scan(); {
			fmt.Println(s.Text())
		}
	})
}

func accepts(o *tether.Owner, ln net.Listener) {
	tether.Own(o, ln) // want `Own closes ln`
	o.Go(func(context.Context) {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	})
}

func copies(o *tether.Owner, conn *net.TCPConn) {
	tether.Own(o, conn) // want `Own closes conn`
	o.Go(func(context.Context) { io.Copy(io.Discard, conn) })
}

func decodes(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn) // want `Own closes conn`
	o.Go(func(context.Context) {
		var v any
		for d := json.NewDecoder(conn); d.Decode(&v) == nil; {
		}
	})
}

func serves(o *tether.Owner, ln net.Listener, h http.Handler) {
	tether.Own(o, ln) // want `Own closes ln`
	o.Go(func(context.Context) { http.Serve(ln, h) })
}

func pipe(o *tether.Owner) {
	r, w := io.Pipe()
	tether.Own(o, r) // want `Own closes r`
	o.Go(func(context.Context) { io.ReadAll(r) })
	o.Defer(func() { w.Close() })
}

func result(o *tether.Owner, dial func() net.Conn) {
	conn := tether.Own(o, dial()) // want `Own closes dial\(\)`
	o.Go(func(context.Context) { io.Copy(io.Discard, conn) })
}

func readsByOther(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn) // want `Own closes conn`
	o.Go(func(ctx context.Context) { read(ctx, conn) })
}

func readsByAnother(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn) // want `Own closes conn`
	o.Go(func(ctx context.Context) { readAll(ctx, conn) })
}

func readsByAnotherPackage(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn) // want `Own closes conn`
	o.Go(func(context.Context) { other.Read(o, conn) })
}

func read(ctx context.Context, c net.Conn) {
	for s := bufio.NewScanner(c); s.Scan(); {
		if ctx.Err() != nil {
			return
		}
	}
}

func readAll(ctx context.Context, c net.Conn) { read(ctx, c) }

func closesItself(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn) // want `Own closes conn`
	o.Go(func(ctx context.Context) {
		defer conn.Close()
		read(ctx, conn)
	})
}

func writesToo(o *tether.Owner, conn net.Conn, said *tether.Signal[string]) {
	tether.Own(o, conn) // want `Own closes conn`
	said.Connect(o, func(line string) { fmt.Fprintln(conn, line) })
	o.Go(func(ctx context.Context) { read(ctx, conn) })
}

func theOtherWayRound(o *tether.Owner, conn net.Conn) {
	o.Go(func(ctx context.Context) { read(ctx, conn) })
	tether.Own(o, conn) // want `Own closes conn`
}

func goErr(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn) // want `Own closes conn`
	o.GoErr(func(ctx context.Context) error {
		_, err := io.ReadAll(conn)
		return err
	})
}

func child(app *tether.Owner, conn net.Conn) {
	ann := app.NewChild("ann")
	tether.Own(ann, conn) // want `Own closes conn when the goroutines of ann`
	ann.Go(func(ctx context.Context) { read(ctx, conn) })
}

type server struct {
	owner *tether.Owner
	ln    net.Listener
}

func (s *server) start() {
	tether.Own(s.owner, s.ln) // want `Own closes s.ln when the goroutines of s.owner`
	s.owner.Go(s.accept)
}

func (s *server) accept(context.Context) {
	for {
		if _, err := s.ln.Accept(); err != nil {
			return
		}
	}
}

func packets(o *tether.Owner, conn net.PacketConn) {
	tether.Own(o, conn) // want `Own closes conn`
	o.Go(func(context.Context) {
		var b [1500]byte
		for {
			if _, _, err := conn.ReadFrom(b[:]); err != nil {
				return
			}
		}
	})
}

func peerHangsUpTooLate(o *tether.Owner) {
	server, client := net.Pipe()
	defer client.Close()
	tether.Own(o, server) // want `Own closes server`
	o.Go(func(ctx context.Context) { read(ctx, server) })
	o.Destroy()
}
