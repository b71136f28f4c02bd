package selfdestroy

import (
	"context"
	"errors"
	"fmt"
	"log"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

func onlyDestroys(o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) { o.Destroy() })
}

func another(o, p *tether.Owner) {
	o.Go(func(context.Context) {
		p.Destroy()
		<-p.Ended()
	})
}

func outside(o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) {})
	o.Destroy()
	<-o.Ended()
}

func onAnotherGoroutine(o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) {
		go func() {
			o.Destroy()
			<-o.Ended()
		}()
	})
}

func amongOthers(o *tether.Owner, said chan string) {
	o.Go(func(ctx context.Context) {
		select {
		case <-o.Ended():
		case <-ctx.Done():
		}
	})
}

func polls(o *tether.Owner) {
	o.Go(func(context.Context) {
		select {
		case <-o.Ended():
		default:
		}
	})
}

func pending(o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) {
		if err := o.Destroy(); err != nil && !errors.Is(err, tether.ErrPending) {
			log.Fatal(err)
		}
	})
}

func knowsPending(o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) {
		if err := o.Destroy(); err != nil {
			if !errors.Is(err, tether.ErrPending) {
				panic(err)
			}
		}
	})
}

func logs(o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) {
		if err := o.Destroy(); err != nil {
			log.Println(err)
		}
	})
}

func requiredOfAnother(t *testing.T, o, p *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) { require.NoError(t, p.Destroy()) })
	require.NoError(t, o.Destroy())
}

func readsBefore(o *tether.Owner, said *tether.Signal[string]) {
	var open bool
	o.Defer(func() { open = false })
	said.Connect(o, func(string) {
		fmt.Println(open)
		o.Destroy()
	})
}

func readsOther(o *tether.Owner, said *tether.Signal[string]) {
	var open, other bool
	o.Defer(func() { open = false })
	said.Connect(o, func(string) {
		o.Destroy()
		fmt.Println(other)
	})
	fmt.Println(open)
}

func readsAfterCancel(o *tether.Owner, said *tether.Signal[string]) {
	var open bool
	o.Defer(func() { open = false })
	said.Connect(o, func(string) {
		o.Cancel(nil)
		fmt.Println(open)
	})
}

func writes(o *tether.Owner, said *tether.Signal[string]) {
	var open bool
	o.Defer(func() { open = false })
	said.Connect(o, func(string) {
		o.Destroy()
		open = true
		fmt.Println(open)
	})
}

func closesInACleanup(o *tether.Owner, a, b *tether.Signal[string]) {
	out := make(chan string)
	o.Defer(func() { close(out) })
	a.Connect(o, func(s string) { out <- s })
	b.Connect(o, func(string) { o.Destroy() })
}

func closesWhatNobodySendsOn(o *tether.Owner, b *tether.Signal[string]) {
	done := make(chan string)
	b.Connect(o, func(string) {
		o.Destroy()
		close(done)
	})
}

func closesAfterAnother(o, p *tether.Owner, a, b *tether.Signal[string]) {
	out := make(chan string)
	a.Connect(p, func(s string) { out <- s })
	b.Connect(o, func(string) {
		p.Destroy()
		close(out)
	})
}

func anotherSession(s, t *session) {
	s.said.Connect(s.owner, func(string) {
		t.owner.Destroy()
		<-t.owner.Ended()
	})
}

func reassigned(o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) {
		<-o.Ended()
	})
	o = o.NewChild("child")
}

func ignored(o *tether.Owner, said *tether.Signal[string]) {
	said.Connect(o, func(string) {
		<-o.Ended() //tethervet:ignore selfdestroy to show that it hangs
	})
}
