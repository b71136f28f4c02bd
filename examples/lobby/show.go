package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
)

// A Crowd is the clients of the show.
type Crowd struct {
	owner   *tether.Owner
	census  *Census
	beat    *tether.Heartbeat
	clients []*Client
	gone    sync.WaitGroup

	mu    sync.Mutex // guards the fields below
	heard int
	lost  int            // lines, as the lobby has told it
	told  map[Reason]int // by the lobby's last words
}

// show has n clients visit a lobby. They have a scope around the lobby's, as if
// on machines of their own, and see how it closes.
func show(out io.Writer, n int, beat time.Duration, signals <-chan os.Signal) bool {
	census := NewCensus()
	s := &Server{
		Out: out, Log: log.New(io.Discard, "", 0), Signals: signals, Census: census,
		Addr: "127.0.0.1:0", Beat: beat, Grace: 5 * time.Second,
		Limits: Limits{
			Clients: 1000, Line: 512, Flood: 20, Idle: 25, Pending: 128, Buffer: 32 << 10,
			Write: time.Second, Goodbye: 500 * time.Millisecond,
		},
	}
	err := tether.Run(context.Background(), "crowd", func(owner *tether.Owner) error {
		c := &Crowd{
			owner: owner, census: census, beat: tether.NewHeartbeat(owner, beat), told: make(map[Reason]int),
		}
		census.Watch(owner, c.beat)
		var lobby *Lobby
		err := s.Run(func(l *Lobby) error {
			lobby = l
			return c.visit(out, l, n)
		})
		if err == nil {
			c.gone.Wait()
			c.report(out, lobby.Gone())
		}
		return err
	})
	return census.Report(out, err)
}

// visit returns when only those clients are left who stay.
func (c *Crowd) visit(out io.Writer, l *Lobby, n int) error {
	var arriving, leaving sync.WaitGroup
	start := make(chan struct{})
	var failed error
	for i := range n {
		p := part(i)
		client, err := c.Dial(names[i%len(names)]+"-"+strconv.Itoa(i), l.Addr().String())
		if err != nil {
			failed = err
			break
		}
		if p.Room > 0 {
			_ = client.conn.SetReadBuffer(p.Room)
		}
		c.clients = append(c.clients, client)
		c.gone.Add(1)
		arriving.Add(1)
		if !p.Stays {
			leaving.Add(1)
		}
		c.owner.Go(func(ctx context.Context) {
			defer c.gone.Done()
			if !p.Stays {
				defer leaving.Done()
			}
			client.play(ctx, p, arriving.Done, start)
		})
	}
	arriving.Wait()
	c.trees(out, "when all are in", l)
	close(start)

	leaving.Wait()
	c.trees(out, "when only those are left who stay", l)
	fmt.Fprintln(out)
	if !l.door.Alive() { // interrupted, and it was no failure not to get in
		return nil
	}
	return failed
}

func (c *Crowd) trees(out io.Writer, when string, l *Lobby) {
	c.census.Take()
	fmt.Fprintf(out, "\n%-45s %9s %11s %10s\n", when, "owners", "connections", "goroutines")
	Tree(out, l.owner, l.Branches())
	var branches []Branch
	for _, client := range c.clients {
		branches = append(branches, Branch{client.owner, client.name})
	}
	Tree(out, c.owner, branches)
}

// note keeps the books of what the clients hear, and reports whether the line
// says that others are missing.
func (c *Crowd) note(line string) (gap bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var n int
	if why, ok := strings.CutPrefix(line, "* bye: "); ok {
		c.told[Reason(why)]++
	} else if _, err := fmt.Sscanf(line, "* %d lines lost", &n); err == nil {
		c.lost += n
		return true
	} else {
		c.heard++
	}
	return false
}

// report says why clients are gone, as the lobby and as they have it. Those who
// have cut their connection, or don't read, can't be told.
func (c *Crowd) report(out io.Writer, gone map[Reason]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(out, "%d lines heard, %d lost by slow readers who know of it\n", c.heard, c.lost)
	fmt.Fprintf(out, "\n%-28s %9s %9s\n", "why clients are gone", "clients", "were told")
	for _, why := range slices.Sorted(maps.Keys(gone)) {
		fmt.Fprintf(out, "%-28s %9d %9d\n", why, gone[why], c.told[why])
	}
}

var names = strings.Fields("ada bea cem dan eve fay gus hal ida jan kim lea mia ned ola pam ron sue tom una")
