package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// A client reads a stream. It is the other end of the demo and of the tests.
type client struct {
	conn *net.TCPConn
	body io.ReadCloser
	in   *bufio.Reader
}

// An event is one of a stream's, or a comment.
type event struct {
	id      uint64
	name    string
	data    string
	comment string
}

// listen opens a stream, as one who has had the messages up to last. room is what
// the kernel keeps unread for it, in bytes; 0 leaves that to the kernel.
func listen(ctx context.Context, addr string, last uint64, room int) (*client, error) {
	c := new(client)
	transport := &http.Transport{
		DisableKeepAlives: true, // it is for one request
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			c.conn = conn.(*net.TCPConn)
			if room > 0 {
				_ = c.conn.SetReadBuffer(room)
			}
			return conn, nil
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/events", nil)
	if err != nil {
		return nil, err
	}
	if last > 0 {
		req.Header.Set("Last-Event-ID", strconv.FormatUint(last, 10))
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("GET /events: %s", res.Status)
	}
	c.body, c.in = res.Body, bufio.NewReader(res.Body)
	return c, nil
}

// read returns the next event.
func (c *client) read() (e event, err error) {
	var lines []string
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return e, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			e.id, _ = strconv.ParseUint(value, 10, 64)
		case "event":
			e.name = value
		case "data":
			lines = append(lines, value)
		case "":
			if value != "" {
				e.comment = value
				continue
			}
			e.data = strings.Join(lines, "\n")
			return e, nil
		}
	}
}

// leave closes the connection in an orderly way.
func (c *client) leave() { c.body.Close() }

// vanish has the connection reset, as if the client had crashed.
func (c *client) vanish() {
	_ = c.conn.SetLinger(0)
	c.conn.Close()
	c.body.Close()
}
