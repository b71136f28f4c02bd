package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/seed-ec287111/tether"
)

// A Client is one client: its end of a TCP connection, and its book. Its lines are the numbers
// from 1 on, so that whoever hears them knows of each that is missing.
type Client struct {
	name    string
	process *Process
	owner   *tether.Owner
	conn    net.Conn
	said    int // lines that were written; by one goroutine at a time

	mu     sync.Mutex     // guards the fields below
	joined map[string]int // each speaker's last line when both were in
	left   map[string]int // and when this client had to leave; nil if it has stayed
	heard  map[string]int // the last line of each that was heard
	wrong  []string       // lines that should not have come, or not then
	want   map[string]int // the lines that are waited for
	done   chan struct{}  // closed when they have been heard; nil if nobody waits
}

// join connects a client, and returns when its lobby has let it in.
func join(owner *tether.Owner, p *Process, name string) (*Client, error) {
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		return nil, err
	}
	c := &Client{
		name: name, process: p, owner: owner.NewChild(name), conn: conn,
		joined: make(map[string]int), heard: make(map[string]int),
	}
	tether.OwnBlocking(c.owner, conn)
	if _, err := fmt.Fprintln(conn, name); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(conn)
	if !lines.Scan() || lines.Text() != "* welcome, "+name {
		return nil, fmt.Errorf("%s hears %q at the door: %w", name, lines.Text(), lines.Err())
	}
	c.owner.Go(func(context.Context) {
		for lines.Scan() {
			c.hear(lines.Text())
		}
	})
	p.clients = append(p.clients, c)
	return c, nil
}

// listen says that the speaker's lines after this one are due.
func (c *Client) listen(speaker string, from int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.joined[speaker]; !known {
		c.joined[speaker], c.heard[speaker] = from, from
	}
}

// talk says n lines, or as many as the connection takes.
func (c *Client) talk(n int) {
	for range n {
		if _, err := fmt.Fprintln(c.conn, c.said+1); err != nil {
			return
		}
		c.said++
	}
}

// leave says that these lines of the speakers were the last that could be heard.
func (c *Client) leave(speakers []*Client) {
	c.left = make(map[string]int)
	for _, speaker := range speakers {
		c.left[speaker.name] = speaker.said
	}
}

// expect returns a channel that is closed when these lines of these speakers have been heard.
// There is one at a time.
func (c *Client) expect(want map[string]int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.want, c.done = want, make(chan struct{})
	return c.done
}

// hear puts a line into the book: it must be the speaker's next.
func (c *Client) hear(line string) {
	speaker, text, _ := strings.Cut(line, ": ")
	n, err := strconv.Atoi(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	last, present := c.heard[speaker]
	switch {
	case !present && err == nil: // a last line of who was killed, which was on its way
		return
	case err != nil || n != last+1:
		c.wrong = append(c.wrong, fmt.Sprintf("%s hears %q after line %d", c.name, line, last))
		return
	}
	c.heard[speaker] = n
	if c.done == nil {
		return
	}
	for speaker, n := range c.want {
		if c.heard[speaker] < n {
			return
		}
	}
	close(c.done)
	c.done = nil
}
