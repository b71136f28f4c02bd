package main

import (
	"log/slog"
	"runtime"

	"github.com/seed-ec287111/tether"
)

// snippet: lost
func logLost(l tether.Lost) {
	slog.Error("nobody has destroyed it", "owner", l.Name, "made", l.Site, "connections", l.Held.Connections)
}

// end

// visit makes a root that nobody can destroy any more. Its handler stays connected.
func visit(said *tether.Signal[string]) {
	session := tether.NewOwner("session") // the fault: defer session.Destroy() is missing
	said.Connect(session, show)
}

// lost collects garbage until an owner is found in it.
func lost() error {
	found := make(chan bool, 1)
	restore := tether.OnLost(func(l tether.Lost) {
		logLost(l)
		found <- true
	})
	defer restore()
	var said tether.Signal[string]
	visit(&said)
	for len(found) == 0 {
		runtime.GC()
	}
	slog.Info("what it holds lives on", "connections", said.Len())
	return nil
}
