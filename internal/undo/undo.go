// Package undo takes back what a call has made before it panicked.
package undo

import (
	"slices"
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

// Connect is src.Connect. If that panics after it has connected, as it does if the function of
// WhileActive panics, Connect ends the connection, and panics too.
func Connect[T any](owner *tether.Owner, src tether.Source[T], handler func(T), opts ...tether.ConnectOption) *tether.Connection {
	var mu sync.Mutex // guards the variables below: src may connect on other goroutines, and later
	var conns []*tether.Connection
	over := false
	made := handle.Made(func(c any) {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			conns = append(conns, c.(*tether.Connection))
		}
	}).(tether.ConnectOption)
	ok := false
	defer func() {
		mu.Lock()
		all := conns
		conns, over = nil, true
		mu.Unlock()
		if !ok {
			for _, c := range all {
				c.Disconnect()
			}
		}
	}()
	c := src.Connect(owner, handler, append(slices.Clip(opts), made)...)
	ok = true
	return c
}
