package main

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"net"
	"strings"

	"github.com/seed-ec287111/tether"
)

// A Client is one of the show's: the other end of a real connection.
type Client struct {
	crowd *Crowd
	owner *tether.Owner
	name  string
	conn  *net.TCPConn
	lines *bufio.Scanner
}

// Dial connects a client, whose connection belongs to an owner of its own.
func (c *Crowd) Dial(name, addr string) (*Client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	owner := c.owner.NewChild(name)
	tether.OwnBlocking(owner, tcp)
	return &Client{crowd: c, owner: owner, name: name, conn: tcp, lines: bufio.NewScanner(tcp)}, nil
}

func (c *Client) say(text string) bool {
	_, err := fmt.Fprintln(c.conn, text)
	return err == nil
}

// hear reads lines until want comes, or may have been lost.
func (c *Client) hear(want string) bool {
	for c.lines.Scan() {
		line := c.lines.Text()
		if c.crowd.note(line) || line == want {
			return true
		}
	}
	return false
}

// join gives the client's name, and waits until the lobby has said it back.
func (c *Client) join() bool { return c.say(c.name) && c.hear("* "+c.name+" joined") }

// chat says a few lines, each when the one before has come back.
func (c *Client) chat() bool {
	for i := range 10 {
		text := fmt.Sprintf("line %d of the little that I have to say to you all, dear friends of the lobby", i+1)
		if !c.say(text) || !c.hear(c.name+": "+text) {
			return false
		}
	}
	return true
}

// end reads what comes until the lobby closes the connection.
func (c *Client) end() {
	for c.lines.Scan() {
		c.crowd.note(c.lines.Text())
	}
}

// murmur says something at every beat, until the client or its connection ends.
func (c *Client) murmur() {
	c.crowd.beat.Connect(c.owner, func(tether.Tick) {
		if !c.say("still here") {
			c.owner.Cancel(net.ErrClosed)
		}
	})
}

// beats is n beats, or as many as there are before the client ends.
func (c *Client) beats(n int) iter.Seq[tether.Tick] {
	return func(yield func(tether.Tick) bool) {
		for tick := range tether.Values(c.owner.Context(), c.crowd.beat, 1, tether.DropNewest) {
			if n--; n < 0 || !yield(tick) {
				return
			}
		}
	}
}

// A Part is what some of the clients do once they are in.
type Part struct {
	Name  string
	Share int  // of 100 clients
	Door  bool // never gives a name
	Room  int  // bytes that the kernel keeps unread; 0: its choice
	Stays bool // until the lobby closes
	Play  func(*Client)
}

// Parts are all there are.
var Parts = []Part{
	{Name: "chat and quit", Share: 35, Play: func(c *Client) {
		c.chat()
		c.say("/quit")
		c.end()
	}},
	{Name: "chat and stay", Share: 15, Stays: true, Play: func(c *Client) {
		c.chat()
		c.murmur()
		c.end()
	}},
	{Name: "chat and cut the connection", Share: 15, Play: func(c *Client) {
		c.chat()
		_ = c.conn.SetLinger(0) // a reset instead of an orderly end
	}},
	{Name: "fall silent", Share: 10, Play: (*Client).end},
	{Name: "never give a name", Share: 5, Door: true, Play: (*Client).end},
	{Name: "read slowly", Share: 5, Room: 32 << 10, Play: func(c *Client) {
		for range c.beats(10) {
			for i := 0; i < 20 && c.lines.Scan(); i++ {
				c.crowd.note(c.lines.Text())
			}
		}
		c.say("/quit")
		c.end()
	}},
	{Name: "talk, never read", Share: 5, Room: 4 << 10, Play: func(c *Client) {
		c.murmur()
		for range c.beats(40) {
		}
	}},
	{Name: "send an endless line", Share: 3, Play: func(c *Client) {
		c.say(strings.Repeat("on and on ", 1000))
		c.end()
	}},
	{Name: "send binary rubbish", Share: 3, Play: func(c *Client) {
		c.say("\x7fELF\x02\x01\xff\xfe")
		c.end()
	}},
	{Name: "flood", Share: 4, Play: func(c *Client) {
		c.say(strings.Repeat("buy!\n", 500))
		c.end()
	}},
}

// part deals the parts out evenly, however few clients there are.
func part(i int) Part {
	at := i * 37 % 100
	for _, p := range Parts {
		if at -= p.Share; at < 0 {
			return p
		}
	}
	panic("the shares are not of 100")
}

// play is a client's life.
func (c *Client) play(ctx context.Context, p Part, arrived func(), start <-chan struct{}) {
	defer c.owner.Destroy() // its error is that the lobby has closed the connection first
	ok := p.Door || c.join()
	arrived()
	select {
	case <-start:
	case <-ctx.Done():
	}
	if ok {
		p.Play(c)
	}
}
