package rawgo

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/seed-ec287111/tether"
)

func owned(o *tether.Owner, conn net.Conn, said *tether.Signal[string]) {
	tether.OwnBlocking(o, conn)
	said.Connect(o, func(line string) {
		o.Go(func(context.Context) { fmt.Fprintln(conn, line) })
	})
}

func unrelated(o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(line string) { go fmt.Println(line) })
}

func outside(o *tether.Owner, conn net.Conn) {
	tether.OwnBlocking(o, conn)
	go io.Copy(io.Discard, conn)
}

func waited(o *tether.Owner, conn net.Conn, said *tether.Signal[string]) {
	tether.Own(o, conn)
	said.Connect(o, func(line string) {
		var wg sync.WaitGroup
		wg.Add(1)
		go func() { defer wg.Done(); fmt.Fprintln(conn, line) }()
		wg.Wait()
	})
}

func received(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	o.Go(func(ctx context.Context) {
		done := make(chan error, 1)
		go func() { _, err := conn.Write(nil); done <- err }()
		<-done
	})
}

func selected(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	o.Go(func(ctx context.Context) {
		done := make(chan error, 1)
		go func() { _, err := conn.Write(nil); done <- err }()
		select {
		case <-done:
		case <-ctx.Done():
		}
	})
}

func ofAnother(o, p *tether.Owner, conn net.Conn, said *tether.Signal[string]) {
	tether.Own(p, conn)
	said.Connect(o, func(line string) { go fmt.Fprintln(conn, line) })
}

func inACleanup(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	o.Defer(func() { go fmt.Fprintln(conn, "bye") })
}

func inAnInterrupt(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn)
	o.Interrupt(func() { go conn.Close() })
}

func anotherVariable(o *tether.Owner, a, b net.Conn, said *tether.Signal[string]) {
	tether.Own(o, a)
	said.Connect(o, func(line string) { go fmt.Fprintln(b, line) })
}

func fires(o *tether.Owner, a, b *tether.Signal[string]) {
	a.Connect(o, func(line string) { go b.Fire(line) })
}

func childOfTheCall(o *tether.Owner, said *tether.Signal[string], serve func(*tether.Owner)) {
	said.Connect(o, func(name string) {
		c := o.NewChild(name)
		go serve(c)
	})
}

func copied(o *tether.Owner, said *tether.Signal[string]) {
	pixels := make([]byte, 8)
	o.Defer(func() { pixels = nil })
	said.Connect(o, func(string) {
		n := len(pixels)
		go fmt.Println(n)
	})
}

func (b *button) otherField() {
	b.owner.Defer(func() { b.pixels = nil })
	b.click.Connect(b.owner, func(n int) { go b.click.Fire(n + 1) })
}

func errgroup(o *tether.Owner, conn net.Conn, g interface{ Go(func() error) }) {
	tether.Own(o, conn)
	o.Go(func(context.Context) {
		g.Go(func() error { _, err := conn.Write(nil); return err })
	})
}

func ignored(o *tether.Owner, conn net.Conn, said *tether.Signal[string]) {
	tether.Own(o, conn)
	said.Connect(o, func(line string) {
		//tethervet:ignore rawgo it has a deadline
		go fmt.Fprintln(conn, line)
	})
}
