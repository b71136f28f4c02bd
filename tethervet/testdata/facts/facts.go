// Package facts has functions of which something can be known.
package facts

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

func Borrow(o *tether.Owner) { // want Borrow:`borrows \[0\], ends \[\]`
	o.Defer(func() { fmt.Println(o) })
	keyed.New[int](o, "keys")
}

func Unused(int, *tether.Owner) {} // want Unused:`borrows \[1\], ends \[\]`

func Through(o *tether.Owner) { Later(o) } // want Through:`borrows \[0\], ends \[\]`

func Later(o *tether.Owner) { Borrow(o) } // want Later:`borrows \[0\], ends \[\]`

func Recursive(n int, o *tether.Owner) { Recursive(n-1, o) }

func End(o *tether.Owner) { o.Destroy() } // want End:`borrows \[\], ends \[0\]`

func Deferred(o *tether.Owner) { defer o.DestroyContext(context.Background()) } // want Deferred:`borrows \[\], ends \[0\]`

func EndByOther(o *tether.Owner) { End(o) } // want EndByOther:`borrows \[\], ends \[0\]`

func Perhaps(o *tether.Owner, ok bool) {
	if ok {
		o.Destroy()
	}
}

func InAClosure(o *tether.Owner) func() { return func() { o.Destroy() } }

func Both(o, p *tether.Owner) { // want Both:`borrows \[0\], ends \[1\]`
	o.Go(func(context.Context) {})
	p.Cancel(nil)
}

func Keep(o *tether.Owner) *tether.Owner { return o }

func Variadic(o ...*tether.Owner) {}

type T struct{ owner *tether.Owner }

func (t *T) Set(o *tether.Owner) { t.owner = o }

func (t *T) Look(o *tether.Owner) bool { return t.owner == o } // want Look:`borrows \[0\], ends \[\]`

func New() *tether.Owner { return tether.NewOwner("new") } // want New:`fresh`

func NewByVariable() *tether.Owner { // want NewByVariable:`fresh`
	o := tether.NewOwner("new")
	Borrow(o)
	return o
}

func NewBound(ctx context.Context) *tether.Owner {
	return tether.NewOwner("new", tether.WithContext(ctx))
}

func NewUnattended() *tether.Owner { return tether.NewOwner("new", tether.Unattended()) }

func NewEnded(f func(func())) *tether.Owner {
	o := tether.NewOwner("new")
	f(func() { o.Destroy() })
	return o
}

func Read(c net.Conn) { // want Read:`reads \[0\]`
	defer c.Close()
	var b [1]byte
	for {
		if _, err := c.Read(b[:]); err != nil {
			return
		}
	}
}

func Scan(ctx context.Context, c net.Conn) { // want Scan:`reads \[1\]`
	for s := bufio.NewScanner(c); s.Scan(); {
		fmt.Println(s.Text())
	}
}

func ReadByOther(c net.Conn) { Read(c) } // want ReadByOther:`reads \[0\]`

func Serve(ln net.Listener) { _ = http.Serve(ln, nil) } // want Serve:`reads \[0\]`

func Write(c net.Conn) { fmt.Fprintln(c, "hello") }

func ReadUntil(ctx context.Context, c net.Conn) {
	defer context.AfterFunc(ctx, func() { c.Close() })()
	Read(c)
}

func ReadElsewhere(c net.Conn) { go Read(c) }
