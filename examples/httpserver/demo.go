package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
)

// A crowd is the clients of the demo. They have an owner of their own, as if they
// were on other machines.
type crowd struct {
	owner *tether.Owner
	addr  string
	http  *http.Client
	each  int            // messages of one client
	total uint64         // messages
	in    sync.WaitGroup // until all are there
	said  sync.WaitGroup // until only those are there who stay
	gone  sync.WaitGroup // until all have seen the end

	posted sync.WaitGroup // until all is

	mu     sync.Mutex // guards the fields below
	failed []error
	left   map[Reason]int // streams, as the server has it
	told   map[Reason]int // clients, by the last event they were sent
	heard  map[string]int // events
	lost   int            // as slow readers were told
}

// parts are what clients do, in turn. Each calls in.Done when it is there.
var parts = []func(*crowd, context.Context) error{
	(*crowd).stay, (*crowd).comeBack, (*crowd).vanish, (*crowd).sleep, (*crowd).post, (*crowd).wait,
}

// demo has so many clients of each kind visit, reads the configuration again while
// they are there, and shuts the server down. It returns the owners that must have
// ended.
func demo(out io.Writer, each int) (roots []*tether.Owner, err error) {
	n := each * len(parts)
	signals := make(chan os.Signal, 2)
	loads := 0
	app := &App{
		Addr: "127.0.0.1:0", Grace: 5 * time.Second, Beat: 10 * time.Millisecond, Signals: signals,
		Load: func() (Config, error) {
			loads++
			return Config{Greeting: fmt.Sprint("configuration ", loads), Longest: 4 << 10}, nil
		},
		Log: log.New(out, "", 0),
		Limits: Limits{
			Pending: 64, Recent: 32, Text: 64 << 10, Buffer: 32 << 10,
			Write: 10 * time.Second, Goodbye: time.Second,
		},
	}
	transport := &http.Transport{MaxIdleConnsPerHost: n}
	c := &crowd{
		owner: tether.NewOwner("crowd"), http: &http.Client{Transport: transport},
		each: 300 / each, total: uint64(each * (300 / each)), // more than fits in all buffers
		left: make(map[Reason]int), told: make(map[Reason]int), heard: make(map[string]int),
	}
	c.owner.Defer(transport.CloseIdleConnections)
	roots = append(roots, c.owner)

	err = app.Run(context.Background(), func(s *Server) {
		roots = append(roots, s.owner)
		c.addr = s.addr
		s.Left.Connect(c.owner, func(d Departure) { c.note(func() { c.left[d.Why]++ }) })
		c.in.Add(n)
		c.said.Add(n)
		c.gone.Add(n)
		c.posted.Add(each)
		for i := range n {
			c.owner.Go(func(ctx context.Context) {
				defer c.gone.Done()
				if err := parts[i%len(parts)](c, ctx); err != nil {
					c.note(func() { c.failed = append(c.failed, err) })
				}
			})
		}
		c.owner.Go(func(context.Context) {
			c.in.Wait()
			fmt.Fprintf(out, "when all are in:  %+v\n", s.owner.Stats())
			signals <- hangup
			c.said.Wait()
			fmt.Fprintf(out, "when all is said: %+v\n", s.owner.Stats())
			signals <- os.Interrupt
		})
	})
	c.gone.Wait()
	c.owner.Destroy()
	fmt.Fprintf(out, "heard: %d messages, %d configurations, %d heartbeats; lost by slow readers who know of it: %d events\n",
		c.heard["message"], c.heard["config"], c.heard["heartbeat"], c.lost)
	for _, why := range slices.Sorted(maps.Keys(c.left)) {
		fmt.Fprintf(out, "%3d streams ended because of %q, and %d of the clients were told\n", c.left[why], why, c.told[why])
	}
	return roots, errors.Join(append(c.failed, err)...)
}

func (c *crowd) note(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// follow reads events up to the first that is the last for it, or all that come.
func (c *crowd) follow(events *client, last func(event) bool) {
	for {
		e, err := events.read()
		if err != nil {
			return
		}
		c.note(func() {
			switch {
			case e.comment != "":
				c.heard["heartbeat"]++
			case e.name == "":
				c.heard["message"]++
			case e.name == "lost":
				lost, _ := strconv.Atoi(e.data)
				c.lost += lost
			case e.name == "bye":
				c.told[Reason(e.data)]++
			default:
				c.heard[e.name]++
			}
		})
		if last(e) {
			return
		}
	}
}

func never(event) bool { return false }

// enter opens a stream, and says that the client is in.
func (c *crowd) enter(ctx context.Context, room int) (*client, error) {
	defer c.in.Done()
	return listen(ctx, c.addr, 0, room)
}

func (c *crowd) stay(ctx context.Context) error {
	c.said.Done()
	events, err := c.enter(ctx, 0)
	if err != nil {
		return err
	}
	defer events.leave()
	c.follow(events, never)
	return nil
}

func (c *crowd) comeBack(ctx context.Context) error {
	defer c.said.Done()
	events, err := c.enter(ctx, 0)
	if err != nil {
		return err
	}
	var last event
	c.follow(events, func(e event) bool { last = e; return e.id >= 20 })
	events.leave()
	events, err = listen(ctx, c.addr, last.id, 0)
	if err != nil {
		return err
	}
	defer events.leave()
	c.follow(events, func(e event) bool { return e.id >= 30 })
	return nil
}

func (c *crowd) vanish(ctx context.Context) error {
	defer c.said.Done()
	events, err := c.enter(ctx, 0)
	if err != nil {
		return err
	}
	c.follow(events, func(e event) bool { return e.id >= 10 })
	events.vanish()
	return nil
}

// sleep reads nothing until all is posted, and then what the server has for it:
// the last message is there in any case.
func (c *crowd) sleep(ctx context.Context) error {
	said := sync.OnceFunc(c.said.Done)
	defer said()
	events, err := c.enter(ctx, 32<<10)
	if err != nil {
		return err
	}
	defer events.leave()
	c.posted.Wait()
	c.follow(events, func(e event) bool { return e.id == c.total })
	said()
	c.follow(events, never)
	return nil
}

func (c *crowd) post(ctx context.Context) error {
	defer c.said.Done()
	defer c.posted.Done()
	c.in.Done()
	c.in.Wait()
	text := strings.Repeat("This is what I have to say. ", 100)
	for range c.each {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.addr+"/messages", strings.NewReader(text))
		if err != nil {
			return err
		}
		res, err := c.http.Do(req)
		if err != nil {
			return err
		}
		res.Body.Close()
		if res.StatusCode != http.StatusAccepted {
			return fmt.Errorf("POST /messages: %s", res.Status)
		}
	}
	return nil
}

func (c *crowd) wait(ctx context.Context) error {
	c.said.Done()
	c.in.Done()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.addr+"/next", nil)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	res.Body.Close()
	return nil
}
