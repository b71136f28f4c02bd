package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/tethernats"
)

// What a lobby process finds in its environment.
const (
	nameVar = "CLUSTER_LOBBY"
	natsVar = "CLUSTER_NATS"
)

func isLobby() bool { return os.Getenv(nameVar) != "" }

// A Line is something that a client says. It is what the bus carries.
type Line struct{ Name, Text string }

// A Report is a lobby's book, which it writes at its end.
type Report struct {
	Said    int            // lines of its own clients
	Heard   map[string]int // lines of each client, of whatever lobby
	Dropped uint64         // lines that it, or a client of it, was too slow for
}

// lobby is the life of a lobby process, whose parent reads its standard output: first the
// address, and at the end the report. It ends with its standard input, so with its parent too.
func lobby() (status int) {
	var l *Lobby
	err := tether.Run(context.Background(), os.Getenv(nameVar), func(owner *tether.Owner) (err error) {
		if l, err = Open(owner, os.Getenv(natsVar)); err != nil {
			return err
		}
		fmt.Println(l.ln.Addr())
		_, err = io.Copy(io.Discard, os.Stdin)
		return err
	}, tether.Staged(), tether.WithGrace(grace))
	if err == nil {
		l.book.Dropped += l.nats.Stats().Dropped
		err = json.NewEncoder(os.Stdout).Encode(l.book)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Getenv(nameVar), err)
		return 1
	}
	return 0
}

// A Lobby is one process's part of the room. All that it knows of the others is its bus.
type Lobby struct {
	said   *bus.Topic[Line]
	nats   *tethernats.Conn
	ln     net.Listener
	tables *tether.Owner // of the players' owners

	mu   sync.Mutex // guards the field below
	book Report
}

// Open starts a lobby. owner is staged: in the end the door closes first, then the players
// leave, then the bridge ends, and the connection last.
func Open(owner *tether.Owner, url string) (*Lobby, error) {
	conn, err := tethernats.Connect(owner, url)
	if err != nil {
		return nil, err
	}
	b := bus.New(owner.NewChild("bus"), "bus")
	if err := tethernats.Bridge(owner, b, conn, "lobby.>", tethernats.Carry[Line]()); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Lobby{
		said: bus.Named[Line](b, "lobby.said"), nats: conn, ln: ln, tables: owner.NewChild("tables"),
		book: Report{Heard: make(map[string]int)},
	}
	l.said.Connect(owner, func(line Line) { // before the clients: what they hear is in the book
		l.note(func(r *Report) { r.Heard[line.Name]++ })
	})
	door := owner.NewChild("door")
	tether.OwnBlocking(door, ln)
	door.GoErr(func(context.Context) error {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return err
			}
			l.admit(conn)
		}
	})
	return l, nil
}

// admit gives a connection its owner, and the owner all that ends with it.
func (l *Lobby) admit(conn net.Conn) {
	player := l.tables.NewChild(conn.RemoteAddr().String())
	tether.OwnBlocking(player, conn)
	player.Go(func(ctx context.Context) {
		if err := l.serve(ctx, player, conn); err != nil && player.Alive() {
			fmt.Fprintf(os.Stderr, "%v: %v\n", player, err)
		}
		_ = player.Destroy() // follows when this goroutine has returned
	})
}

// serve has the client hear what is said, in this process or another, and say what it says.
func (l *Lobby) serve(ctx context.Context, player *tether.Owner, conn net.Conn) error {
	lines := bufio.NewScanner(conn)
	if !lines.Scan() {
		return lines.Err()
	}
	name := lines.Text()
	queue := tether.NewQueue(player, 4096, tether.DropOldest) // a slow reader holds up nobody
	player.Defer(func() { l.note(func(r *Report) { r.Dropped += queue.Dropped() }) })
	l.said.Connect(player, func(line Line) {
		if _, err := fmt.Fprintf(conn, "%s: %s\n", line.Name, line.Text); err != nil {
			player.Cancel(err)
		}
	}, tether.On(queue))
	if _, err := fmt.Fprintf(conn, "* welcome, %s\n", name); err != nil {
		return err
	}
	for lines.Scan() {
		l.note(func(r *Report) { r.Said++ })
		if err := l.said.Publish(ctx, Line{name, lines.Text()}); err != nil {
			return err
		}
	}
	if err := lines.Err(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (l *Lobby) note(f func(*Report)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.book)
}
