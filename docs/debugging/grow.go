package main

import (
	"errors"
	"log/slog"
	"os"
	"runtime/pprof"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

func writeProfile(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("tether.connections").WriteTo(f, 0), f.Close())
}

// A room is what outlives its guests. A guest that comes connects to it.
type room struct {
	owner *tether.Owner
	said  tether.Signal[string]
}

func (r *room) enter() {
	r.said.Connect(r.owner, func(string) {}) // the fault: the room's owner, not the guest's
}

func (r *room) serve(guests int) {
	for range guests {
		r.enter()
	}
}

// grow lets guests come, and writes a profile to the file named by the argument
// behind its name, if there is one.
func grow() error {
	stop := inspect.Profile()
	defer stop()
	app := tether.NewOwner("app")
	defer app.Destroy()
	var beats tether.Signal[tether.Tick] // in a program, a Heartbeat of some seconds
	// snippet: growth
	inspect.WatchGrowth(app, &beats, 10_000, func(g inspect.Group) {
		slog.Warn("grows", "group", g)
	})
	// end

	r := &room{owner: app.NewChild("room")}
	for beat := range uint64(4) {
		r.serve(100)
		beats.Fire(tether.Tick{N: beat + 1})
	}
	if len(os.Args) > 2 {
		return writeProfile(os.Args[2])
	}
	return nil
}
