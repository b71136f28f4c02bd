// Package rawgo starts goroutines that no Destroy waits for, and in good.go others.
package rawgo

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/seed-ec287111/tether"
)

func closer(o *tether.Owner, conn net.Conn, said *tether.Signal[string]) {
	tether.OwnBlocking(o, conn)
	said.Connect(o, func(line string) {
		go fmt.Fprintln(conn, line) // want `this goroutine uses conn, which o closes, and may outlive it: no Destroy waits for a go statement; use o.Go`
	})
}

func closerInALiteral(o *tether.Owner, conn net.Conn, said *tether.Signal[string]) {
	tether.Own(o, conn)
	said.Connect(o, func(line string) {
		go func() { fmt.Fprintln(conn, line) }() // want `uses conn, which o closes`
	})
}

func result(o *tether.Owner, open func() *os.File, said *tether.Signal[string]) {
	f := tether.Own(o, open())
	said.Connect(o, func(line string) {
		go io.WriteString(f, line) // want `uses f, which o closes`
	})
}

func goroutine(o *tether.Owner, conn net.Conn) {
	tether.OwnBlocking(o, conn)
	o.Go(func(context.Context) {
		go io.Copy(io.Discard, conn) // want `uses conn, which o closes`
	})
}

func goErr(o *tether.Owner, conn net.Conn) {
	tether.OwnBlocking(o, conn)
	o.GoErr(func(context.Context) error {
		go io.Copy(io.Discard, conn) // want `uses conn, which o closes`
		return nil
	})
}

func timer(o *tether.Owner, conn net.Conn) {
	tether.OwnBlocking(o, conn)
	o.AfterFunc(time.Second, func() {
		go conn.Write(nil) // want `uses conn, which o closes`
	})
}

func once(o *tether.Owner, conn net.Conn, said *tether.Signal[string]) {
	tether.OwnBlocking(o, conn)
	said.Once(o, func(string) {
		go conn.Write(nil) // want `uses conn, which o closes`
	})
}

func owner(o *tether.Owner, said, other *tether.Signal[string]) {
	said.Connect(o, func(string) {
		go other.Connect(o, func(string) {}) // want `uses o, which o is`
	})
}

func channel(o *tether.Owner, said *tether.Signal[string]) {
	out := make(chan string)
	o.Defer(func() { close(out) })
	said.Connect(o, func(line string) {
		go func() { out <- line }() // want `uses out, which o cleans up`
	})
}

func variable(o *tether.Owner, said *tether.Signal[string]) {
	pixels := make([]byte, 8)
	o.Defer(func() { pixels = nil })
	said.Connect(o, func(string) {
		go func() { pixels[0]++ }() // want `uses pixels, which o cleans up`
	})
}

func closeInACleanup(o *tether.Owner, f *os.File, said *tether.Signal[string]) {
	o.Defer(func() { f.Close() })
	said.Connect(o, func(line string) {
		go f.WriteString(line) // want `uses f, which o cleans up`
	})
}

type button struct {
	owner  *tether.Owner
	click  tether.Signal[int]
	pixels []byte
	conn   net.Conn
}

func (b *button) field() {
	tether.OwnBlocking(b.owner, b.conn)
	b.click.Connect(b.owner, func(int) {
		go b.conn.Write(nil) // want `uses b.conn, which b.owner closes`
	})
}

func (b *button) cleaned() {
	b.owner.Defer(func() { b.pixels = nil })
	b.click.Connect(b.owner, func(int) {
		go func() { b.pixels[0]++ }() // want `uses b.pixels, which b.owner cleans up`
	})
}

func (b *button) methodValue() {
	b.owner.Defer(func() { b.pixels = nil })
	b.click.Connect(b.owner, b.draw)
}

func (b *button) draw(int) {
	go func() { b.pixels[0]++ }() // want `uses b.pixels, which b.owner cleans up`
}

func inABranch(o *tether.Owner, conn net.Conn, said *tether.Signal[string]) {
	tether.Own(o, conn)
	said.Connect(o, func(line string) {
		if line != "" {
			go fmt.Fprintln(conn, line) // want `uses conn, which o closes`
		}
	})
}
