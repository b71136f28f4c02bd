package blockedclose

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"testdata/blockedclose/other"

	"github.com/seed-ec287111/tether"
)

func ownBlocking(o *tether.Owner, conn net.Conn) {
	tether.OwnBlocking(o, conn)
	o.Go(func(ctx context.Context) { read(ctx, conn) })
}

func interrupted(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	o.Interrupt(func() { conn.Close() })
	o.Go(func(ctx context.Context) { read(ctx, conn) })
}

func interruptedOtherwise(o *tether.Owner, ln net.Listener, srv *http.Server) {
	tether.Own(o, ln)
	o.Interrupt(func() { srv.Close() })
	o.Go(func(context.Context) { srv.Serve(ln) })
}

func deadline(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	o.Go(func(ctx context.Context) {
		for ctx.Err() == nil {
			conn.SetReadDeadline(time.Now().Add(time.Second))
			conn.Read(make([]byte, 1))
		}
	})
}

func afterFunc(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	context.AfterFunc(o.Context(), func() { conn.Close() })
	o.Go(func(ctx context.Context) { read(ctx, conn) })
}

func onlyWrites(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	o.Go(func(context.Context) {
		fmt.Fprintln(conn, "hello")
		conn.Write([]byte("bye"))
	})
}

func writesByAnotherPackage(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	o.Go(func(context.Context) { other.Write(o, conn) })
}

func nothing(context.Context, net.Conn) {}

func doesNotRead(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	o.Go(func(ctx context.Context) { nothing(ctx, conn) })
}

func anotherOwner(o, reader *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	reader.Go(func(ctx context.Context) { read(ctx, conn) })
}

func inAHandler(o *tether.Owner, conn net.Conn, asked *tether.Signal[int]) {
	tether.Own(o, conn)
	asked.Connect(o, func(int) { conn.Read(make([]byte, 1)) })
}

func file(o *tether.Owner, f *os.File) {
	tether.Own(o, f)
	o.Go(func(context.Context) { io.ReadAll(f) })
}

func notAConnection(o *tether.Owner, r io.ReadCloser) {
	tether.Own(o, r)
	o.Go(func(context.Context) { io.ReadAll(r) })
}

func writingEnd(o *tether.Owner) {
	r, w := io.Pipe()
	tether.Own(o, w)
	o.Go(func(context.Context) { fmt.Fprintln(w, "hello") })
	r.Close()
}

func closedByWhoKnows(o *tether.Owner, conn net.Conn, watch func(io.Closer)) {
	tether.Own(o, conn)
	watch(conn)
	o.Go(func(ctx context.Context) { read(ctx, conn) })
}

type client struct{ conn net.Conn }

func (c *client) hangUp() { c.conn.Close() }

func stored(o *tether.Owner, conn net.Conn) *client {
	tether.Own(o, conn)
	o.Go(func(ctx context.Context) { read(ctx, conn) })
	return &client{conn}
}

func readUntil(ctx context.Context, c net.Conn) {
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Now()) })()
	read(ctx, c)
}

func heedsItsContext(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	o.Go(func(ctx context.Context) { readUntil(ctx, conn) })
}

func onAnotherGoroutine(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	o.Go(func(ctx context.Context) {
		go read(ctx, conn)
		<-ctx.Done()
	})
}

func alone(o *tether.Owner, conn net.Conn) { tether.Own(o, conn) }

func ignored(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn) //tethervet:ignore blockedclose the peer hangs up first
	o.Go(func(ctx context.Context) { read(ctx, conn) })
}

func peerHangsUp(o *tether.Owner) {
	server, client := net.Pipe()
	tether.Own(o, server)
	o.Go(func(ctx context.Context) { read(ctx, server) })
	fmt.Fprintln(client, "hello")
	client.Close()
	o.Destroy()
}
