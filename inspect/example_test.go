package inspect_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

func ExampleOwnerInfo_Dump() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var said tether.Signal[string]
	q := tether.NewQueue(app, 16, tether.DropOldest, tether.Manual())
	said.Connect(app, func(string) {}, tether.On(q))
	for i := range 4000 {
		player := app.NewChild(fmt.Sprint("player-", i))
		said.Connect(player, func(string) {})
	}
	said.Fire("hello")

	inspect.Of(app).Dump(os.Stdout) // inspect.Dump shows all roots
	// Output:
	// app  alive                 inspect_test.ExampleOwnerInfo_Dump example_test.go:15
	//   queue 1/16 DropOldest, 1 taken, 0 dropped
	//   connection string  inspect_test.ExampleOwnerInfo_Dump.func1 example_test.go:19
	//   player-# ×4000: 4000 connections
}

func ExampleOf() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	app.NewChild("lobby").NewChild("ann").Defer(func() {})
	for o := range inspect.Of(app).All() {
		fmt.Println(o.Path, o.State, len(o.Cleanups))
	}
	// Output:
	// app alive 0
	// app/lobby alive 0
	// app/lobby/ann alive 1
}

// The main mistake of those who use owners: a handler that connects to an owner
// which outlives what it connects for, again with every value.
func ExampleGrowth() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var joined, said tether.Signal[string]
	joined.Connect(app, func(name string) {
		said.Connect(app, func(line string) { fmt.Println(name, "hears", line) }) // wrong: app
	})
	for i := range 100 {
		joined.Fire(fmt.Sprint("client", i))
	}

	for _, g := range inspect.Growth(app, 10) {
		fmt.Println(g.Count, g.Kind, "of", g.Owner, filepath.Base(g.Func.File), g.Func.Line)
	}
	// Output: 100 connection of app example_test.go 54
}

func ExampleWatchGrowth() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var beats tether.Signal[tether.Tick] // else tether.NewHeartbeat(app, time.Minute)
	inspect.WatchGrowth(app, &beats, 0, func(g inspect.Group) {
		fmt.Println(g.Owner, "has", g.Count, g.Kind, g.What, "and", g.Grown, "more than before")
	})
	for i := range 4 {
		app.NewChild(fmt.Sprint("session-", i)) // never destroyed
		beats.Fire(tether.Tick{})
	}
	// Output: app has 4 child session-# and 3 more than before
}

func ExampleRecordSites() {
	defer inspect.RecordSites()()
	app := tether.NewOwner("app")
	defer app.Destroy()
	lobby := app.NewChild("lobby")
	fmt.Println(filepath.Base(inspect.Of(lobby).Made.File), inspect.Of(lobby).Made.Line)
	// Output: example_test.go 84
}

func ExampleWatch() {
	app := tether.NewOwner("app")
	var saved tether.Signal[string]
	disk := make(chan bool)
	saved.Connect(app, func(string) { <-disk })

	stop := inspect.Watch(app, 10*time.Millisecond, func(s inspect.Slow) {
		fmt.Println(s.Kind, "of", s.Owner, filepath.Base(s.Func.File), s.Func.Line) // and s.Stack
		disk <- true
	})
	defer stop()
	saved.Fire("state")
	app.Destroy()
	// Output: handler of app example_test.go 93
}

func ExampleLog() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == "time" || a.Key == "heap" {
				return slog.Attr{} // for a test
			}
			return a
		},
	}))
	var beats tether.Signal[tether.Tick] // else a heartbeat
	inspect.Log(app, &beats, logger)
	app.NewChild("lobby")
	beats.Fire(tether.Tick{N: 1})
	// Output:
	// level=INFO msg=tether owner=app beat=1 owners=2 connections=1 goroutines=0 timers=0 cleanups=0 calls=0 queued=0 dropped=0
}

func ExampleLabel() {
	defer inspect.Label()() // first thing in main, for CPU profiles by owner
	app := tether.NewOwner("app")
	app.Destroy()
	// Output:
}
