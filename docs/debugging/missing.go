package main

import (
	"log/slog"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

// snippet: explain
func explain(owner *tether.Owner) {
	i := inspect.Of(owner)
	slog.Info("owner", "path", i.Path, "state", i.State)
	for _, c := range i.Connections {
		slog.Info("  connection", "handler", c.Handler.Name, "muted", c.Muted, "queued", c.Queued)
	}
	for _, q := range i.Queues {
		slog.Info("  queue", "overflow", q.Overflow, "len", q.Len, "taken", q.Taken, "dropped", q.Dropped)
	}
}

// end

func show(string)   {}
func record(string) {}
func greet(string)  {}

// missing loses values in four ways.
func missing() error {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var said tether.Signal[string]

	early := said.Len()
	said.Fire("first") // nobody is there yet
	screen := app.NewChild("screen")
	said.Connect(screen, show, tether.On(tether.NewQueue(screen, 4, tether.DropOldest, tether.Manual())))
	book := app.NewChild("book")
	said.Connect(book, record).Mute()
	guest := app.NewChild("guest")
	guest.Destroy()
	dead := said.Connect(guest, greet)

	for range 10 {
		said.Fire("hello")
	}
	slog.Info("the first Fire", "connections", early)
	explain(screen)
	explain(book)
	explain(guest)
	slog.Info("Connect with a dead owner", "connected", dead.Connected())
	return nil
}
