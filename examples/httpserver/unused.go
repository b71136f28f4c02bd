package main

import (
	"net"
	"net/http"
	"sync"
)

// unused is the connections without a request so far. Browsers, and Go's clients
// too, open some in advance. [http.Server.Shutdown] gives each of them five seconds
// to send one, which no shutdown should take.
type unused struct {
	mu     sync.Mutex // guards the fields below
	conns  map[net.Conn]bool
	closed bool // there shall be none
}

// note is for [http.Server.ConnState].
func (u *unused) note(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(u.conns, c)
	case u.closed:
		_ = c.Close()
	default:
		if u.conns == nil {
			u.conns = make(map[net.Conn]bool)
		}
		u.conns[c] = true
	}
}

// close closes them, and those that come.
func (u *unused) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for c := range u.conns {
		_ = c.Close()
	}
}
