// Httpserver is net/http with server-sent events, and an owner for every request.
//
//	go run ./examples/httpserver -demo      # real clients come, and go in all ways
//	go run ./examples/httpserver            # for you:
//
//	curl -N localhost:8080/events           # a stream: config, messages, heartbeats
//	curl -d hello localhost:8080/messages   # everybody hears it
//	curl localhost:8080/next                # waits for the next message
//	curl localhost:8080/stats               # what there is
//	kill -HUP, or ^C                        # read -config again, or shut down
//
// With -debug localhost:6060 its owners, and the profiles, can be looked at in a browser.
//
// What to look at:
//
//   - [Server.owned]: a request has an owner, bound to its context. ServeHTTP does
//     not return before the owner has ended: so a handler on a queue may write to
//     the ResponseWriter, which is nobody's after that.
//   - [stream]: a queue for each client, so that a slow one stalls nobody, loses
//     its oldest events and is told how many. What it has at the end is sent before
//     the stream closes.
//   - [App.Run]: the shutdown, in stages. Nobody comes in; streams end and say
//     goodbye; requests in progress have the grace time to finish, and then what is
//     left is cut off.
//
// In the end it counts what is left of owners, connections and goroutines, and
// exits with 1 if anything is.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/examples/internal/debugport"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "serve at this `address`")
	grace := flag.Duration("grace", 5*time.Second, "how long requests may take to finish at the end")
	file := flag.String("config", "", "JSON `file` with the configuration, read again on SIGHUP")
	play := flag.Bool("demo", false, "have 60 clients visit, instead of serving you")
	stop, _ := debugport.Parse()

	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, hangup)
	before := runtime.NumGoroutine()
	var roots []*tether.Owner
	var err error
	if *play {
		roots, err = demo(os.Stdout, 10)
	} else {
		a := &App{
			Addr: *addr, Grace: *grace, Beat: 15 * time.Second, Load: loader(*file), Signals: signals,
			Log: log.New(os.Stdout, "", log.Ltime),
			Limits: Limits{
				Pending: 64, Recent: 32, Text: 64 << 10, Buffer: 64 << 10,
				Write: 10 * time.Second, Goodbye: time.Second,
			},
		}
		err = a.Run(context.Background(), func(s *Server) { roots = append(roots, s.owner) })
	}
	stop()
	if !report(os.Stdout, before, roots, err) {
		os.Exit(1)
	}
}

// report says what is left, and whether that is nothing and all went well.
func report(out io.Writer, before int, roots []*tether.Owner, err error) bool {
	var left tether.Stats
	for _, root := range roots {
		s := root.Stats()
		left.Owners += s.Owners
		left.Connections += s.Connections
		left.Goroutines += s.Goroutines
		left.Timers += s.Timers
		left.Cleanups += s.Cleanups
	}
	// net/http does not wait for its goroutines, which end soon after their connections.
	after := runtime.NumGoroutine()
	for deadline := time.Now().Add(2 * time.Second); after > before && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
		after = runtime.NumGoroutine()
	}
	fmt.Fprintf(out, "left: %+v, and %d goroutines more than before\n", left, max(0, after-before))
	if err != nil {
		fmt.Fprintf(out, "error: %v\n", err)
	}
	if left != (tether.Stats{}) || after > before {
		fmt.Fprintln(out, "something is left")
		return false
	}
	fmt.Fprintln(out, "nothing left")
	return err == nil
}

// loader returns a function that reads the configuration.
func loader(file string) func() (Config, error) {
	return func() (c Config, err error) {
		c = Config{Greeting: "welcome", Longest: 1000}
		if file == "" {
			return c, nil
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return c, err
		}
		return c, json.Unmarshal(b, &c)
	}
}
