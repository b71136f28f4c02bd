package main

import (
	"context"
	"errors"
	"log"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
)

// A Lobby is a chat room on a listener. Players know nothing of each other: all
// that passes between them is three signals.
//
// Below the lobby's owner one child has the listener, and another one the players.
// There every connection has an owner of its own, which holds the socket and the
// goroutine that reads it; and below that, from the moment the client has given a
// name, one for its seat, which holds its subscriptions.
type Lobby struct {
	Joined *tether.Signal[string]
	Said   *tether.Signal[Line]
	Left   *tether.Signal[Departure]

	owner  *tether.Owner
	door   *tether.Owner // of the listener
	tables *tether.Owner // of the players' owners
	ln     net.Listener
	beat   tether.Source[tether.Tick]
	limits Limits
	log    *log.Logger

	mu      sync.Mutex         // guards the fields below
	players map[*Player]string // and their names, "" at the door
	names   map[string]bool    // taken until everybody has been told of the departure
	gone    map[Reason]int
}

// A Line is something that a player says.
type Line struct{ Name, Text string }

// A Departure is a player's.
type Departure struct {
	Name string
	Why  Reason
}

// Limits say what a lobby puts up with. Time is counted in beats wherever the
// client is to blame: a beat that the server itself has missed costs nobody
// anything, and a test can fire the beats by hand.
type Limits struct {
	Clients int           // connections at a time
	Line    int           // bytes, the newline included
	Flood   int           // lines from one client between two beats
	Idle    int           // beats without a line
	Pending int           // lines that wait for one client; one more, and the oldest goes
	Buffer  int           // bytes that the kernel may hold for one client
	Write   time.Duration // for one line to be taken
	Goodbye time.Duration // for all that is left to be taken and the connection closed
}

// Open starts a lobby on ln. It belongs to owner and ends with it, ln included. Where
// owner is staged, nobody comes in any more when the players are told to go.
func Open(owner *tether.Owner, ln net.Listener, beat tether.Source[tether.Tick], limits Limits, log *log.Logger) *Lobby {
	l := &Lobby{
		Joined:  tether.NewSignal[string](owner),
		Said:    tether.NewSignal[Line](owner),
		Left:    tether.NewSignal[Departure](owner),
		owner:   owner,
		tables:  owner.NewChild("tables"),
		door:    owner.NewChild("door"), // after what it leads to: it ends before that
		ln:      ln,
		beat:    beat,
		limits:  limits,
		log:     log,
		players: make(map[*Player]string),
		names:   make(map[string]bool),
		gone:    make(map[Reason]int),
	}
	tether.OwnBlocking(l.door, ln) // which makes Accept return
	l.door.Go(l.accept)
	return l
}

func (l *Lobby) accept(ctx context.Context) {
	for {
		conn, err := l.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, for one; that passes as clients leave
			l.log.Printf("accept: %v", err)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		l.admit(conn)
	}
}

// enter puts p among the players, unless the lobby is full.
func (l *Lobby) enter(p *Player) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.players) >= l.limits.Clients {
		return false
	}
	l.players[p] = ""
	return true
}

// name gives p a name, if it is free.
func (l *Lobby) name(p *Player, name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names[name] {
		return false
	}
	l.names[name] = true
	l.players[p] = name
	p.name = name
	return true
}

// depart is the last cleanup of a player. Nothing of it runs any more, and its
// connection is closed, when the others are told; and its name is free when they
// have been.
func (l *Lobby) depart(p *Player) {
	why := p.why()
	l.mu.Lock()
	delete(l.players, p)
	l.gone[why]++
	l.mu.Unlock()
	l.log.Printf("%v: %s", p.owner, why)
	if p.name == "" {
		return
	}
	l.Left.Fire(Departure{p.name, why})
	l.mu.Lock()
	delete(l.names, p.name)
	l.mu.Unlock()
}

// Addr returns the address that the lobby listens on.
func (l *Lobby) Addr() net.Addr { return l.ln.Addr() }

// Branches returns the owners of the clients there are.
func (l *Lobby) Branches() []Branch {
	l.mu.Lock()
	defer l.mu.Unlock()
	var branches []Branch
	for p, name := range l.players {
		branches = append(branches, Branch{p.owner, strings.TrimSuffix(p.owner.Name()+"/"+name, "/")})
	}
	slices.SortFunc(branches, func(a, b Branch) int { return strings.Compare(a.Name, b.Name) })
	return branches
}

// Gone returns how many clients are gone, by reason.
func (l *Lobby) Gone() map[Reason]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.gone)
}
