// Package selfdestroy has functions that count on the end of the owner which waits
// for them, and in good.go others that do not.
package selfdestroy

import (
	"context"
	"fmt"
	"log"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

func waitsForItself(o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) {
		o.Destroy()
		<-o.Ended() // want `o has ended only when this handler has returned`
	})
}

func waitsForOthers(o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) {
		<-o.Ended() // want `o has ended only when this handler`
	})
}

func goroutine(o *tether.Owner) {
	o.Go(func(context.Context) {
		o.Cancel(nil)
		<-o.Ended() // want `o has ended only when this owned goroutine`
	})
}

func cleanup(o *tether.Owner) {
	o.Defer(func() {
		<-o.Ended() // want `o has ended only when this cleanup`
	})
}

func interrupt(o *tether.Owner) {
	o.Interrupt(func() {
		<-o.Ended() // want `o has ended only when this interrupt`
	})
}

func timer(o *tether.Owner) {
	o.AfterFunc(time.Second, func() {
		<-o.Ended() // want `o has ended only when this timer function`
	})
}

type session struct {
	owner *tether.Owner
	said  tether.Signal[string]
	out   chan string
	open  bool
	n     int
}

func (s *session) field() {
	s.said.Connect(s.owner, func(string) {
		<-s.owner.Ended() // want `s.owner has ended only when this handler`
	})
}

func (s *session) methodValue() { s.said.Connect(s.owner, s.onSaid) }

func (s *session) onSaid(string) {
	s.owner.Destroy()
	<-s.owner.Ended() // want `s.owner has ended only when this handler`
}

func fatal(o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) {
		if err := o.Destroy(); err != nil { // want `Destroy inside a handler of o does not wait, and returns ErrPending`
			log.Fatal(err)
		}
	})
}

func panics(o *tether.Owner) {
	o.Go(func(context.Context) {
		if err := o.Destroy(); err != nil { // want `Destroy inside an owned goroutine of o does not wait`
			panic(err)
		}
	})
}

func failsTheTest(t *testing.T, o *tether.Owner, said *tether.Signal[string]) {
	said.Once(o, func(string) {
		if err := o.Destroy(); err != nil { // want `returns ErrPending`
			t.Error(err)
		}
	})
}

func required(t *testing.T, o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) {
		require.NoError(t, o.Destroy()) // want `returns ErrPending`
	})
}

func reads(o *tether.Owner, said *tether.Signal[string]) {
	var open bool
	o.Defer(func() { open = false })
	said.Connect(o, func(string) {
		o.Destroy()
		fmt.Println(open) // want `the cleanup that sets open runs after this`
	})
}

func (s *session) readsAField() {
	s.owner.Defer(func() { s.open = false })
	s.said.Connect(s.owner, func(string) {
		s.owner.Destroy()
		if s.open { // want `the cleanup that sets s.open runs after this`
			fmt.Println("still")
		}
	})
}

func (s *session) readsInAMethod() {
	s.owner.Defer(func() { s.n++ })
	s.said.Connect(s.owner, s.count)
}

func (s *session) count(string) {
	s.owner.Destroy()
	n := s.n // want `the cleanup that sets s.n runs after this`
	fmt.Println(n)
}

func (s *session) closes() {
	s.owner.Go(func(ctx context.Context) { s.out <- "tick" })
	s.said.Connect(s.owner, func(string) {
		s.owner.Destroy()
		close(s.out) // want `what still runs of it may send on s.out, which panics when it is closed`
	})
}

func closesAVariable(o *tether.Owner, a, b *tether.Signal[string]) {
	out := make(chan string)
	a.Connect(o, func(s string) { out <- s })
	b.Connect(o, func(string) {
		if err := o.Destroy(); err == nil {
			return
		}
		close(out) // want `may send on out`
	})
}

func inACase(o *tether.Owner, said *tether.Signal[string]) {
	var open bool
	o.Defer(func() { open = true })
	said.Connect(o, func(s string) {
		switch s {
		case "bye":
			o.Destroy()
			fmt.Println(open) // want `the cleanup that sets open runs after this`
		}
	})
}

func inASelect(o *tether.Owner, c chan bool) {
	var open bool
	o.Defer(func() { open = true })
	o.Go(func(context.Context) {
		select {
		case <-c:
			o.Destroy()
			fmt.Println(open) // want `the cleanup that sets open runs after this`
		}
	})
}
