package main

import (
	"log/slog"
	"time"

	"github.com/seed-ec287111/tether"
)

// A journal keeps what it hears.
type journal struct{ lines []string }

func (j *journal) write(line string) {
	writing <- true
	time.Sleep(10 * time.Millisecond)
	j.lines = append(j.lines, line)
}

// writing says that a handler has begun.
var writing = make(chan bool, 1)

// late closes a journal while its handler runs; to be run with -race.
func late() error {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var said tether.Signal[string]
	j := new(journal)
	// snippet: late
	heard := said.Connect(app, j.write)
	go said.Fire("hello")
	<-writing
	heard.Disconnect() // does not wait
	j.lines = nil
	// end
	app.Destroy() // waits for the handler
	slog.Info("closed", "lines", len(j.lines))
	return nil
}

// inTime is late, without its fault.
func inTime(app *tether.Owner) *journal {
	var said tether.Signal[string]
	j := new(journal)
	// snippet: barrier
	owner := app.NewChild("journal")
	said.Connect(owner, j.write)
	owner.Defer(func() { j.lines = nil }) // when no handler of it runs any more
	// end
	go said.Fire("hello")
	<-writing
	owner.Destroy()
	return j
}
