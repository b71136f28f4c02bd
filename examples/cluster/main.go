// Cluster is the lobby of examples/lobby, over three processes: one bus, carried by a NATS
// server that is embedded in the first process, this one.
//
//	cd examples/cluster && go run .
//
// It starts itself three more times, as lobbies, and dials them as nine clients, over TCP. The
// clients talk across the lobbies; one lobby is killed in the middle of that, and comes back.
// At the end the books are compared: what each client has said and heard, and what each lobby
// has. It exits with 1 if they do not balance, or if anything does not end in time.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethernats"
)

const (
	// grace is how long anything may take to end. What takes longer is killed, and a fault.
	grace = 5 * time.Second
	// patience is for what must happen: lines that must be heard.
	patience = 20 * time.Second
)

func main() {
	if isLobby() {
		os.Exit(lobby())
	}
	if err := show(os.Stdout, 100); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A Show is what the first process has. Its owner is staged: the lobbies are made after the
// server and before the clients, and end between them.
type Show struct {
	owner   *tether.Owner
	out     io.Writer
	url     string // of the server
	lobbies []*Process
	clients []*Client // those that have left too
	books   Books
}

// names has the clients of each lobby.
var names = map[string][]string{
	"north": {"ann", "bob", "cem"}, "east": {"dan", "eve", "fay"}, "south": {"gus", "hal", "ida"},
}

// show has all clients say n lines, thrice.
func show(out io.Writer, n int) error {
	var s *Show
	var closing time.Time
	err := tether.Run(context.Background(), "show", func(owner *tether.Owner) error {
		nats, err := tethernats.Embed(owner, "", tethernats.Listen("127.0.0.1", 0))
		if err != nil {
			return err
		}
		s = &Show{owner: owner, out: out, url: nats.URL()}
		err = s.play(n)
		closing = time.Now()
		return err
	}, tether.Staged(), tether.WithGrace(2*grace))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "all has ended within %v\n", time.Since(closing).Round(time.Millisecond))
	return s.books.balance(out, s.clients, s.lobbies)
}

func (s *Show) play(n int) error {
	for _, name := range []string{"north", "east", "south"} {
		if err := s.open(name); err != nil {
			return err
		}
	}
	north, east, south := s.lobbies[0], s.lobbies[1], s.lobbies[2]
	living := slices.Concat(north.clients, east.clients)

	fmt.Fprintf(s.out, "all talk, each %d lines\n", n)
	all := slices.Concat(living, south.clients)
	if err := s.talk(n, all, all, nil); err != nil {
		return err
	}

	fmt.Fprintf(s.out, "all talk; south is killed after a tenth of it\n")
	first := south.clients[0]
	enough := first.expect(map[string]int{first.name: first.said + n/10})
	err := s.talk(n, all, living, func() error {
		if err := s.await(enough); err != nil {
			return err
		}
		return south.kill()
	})
	if err != nil {
		return err
	}

	if err := s.open("south"); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "south is back, and so are its clients; all talk\n\n")
	all = slices.Concat(living, s.lobbies[3].clients)
	return s.talk(n, all, all, nil)
}

// open starts a lobby and has its clients come in. Nobody talks meanwhile.
func (s *Show) open(name string) error {
	p, err := start(s.owner, name, s.url)
	if err != nil {
		return err
	}
	s.lobbies = append(s.lobbies, p)
	fmt.Fprintf(s.out, "%-5s listens on %s: process %d\n", name, p.addr, p.cmd.Process.Pid)
	visit := 1
	for _, other := range s.lobbies[:len(s.lobbies)-1] {
		if other.name == name {
			visit++
		}
	}
	for _, client := range names[name] {
		if visit > 1 {
			client = fmt.Sprintf("%s-%d", client, visit)
		}
		c, err := join(s.owner, p, client)
		if err != nil {
			return err
		}
		s.clients = append(s.clients, c)
	}
	for _, c := range s.clients {
		for _, speaker := range s.clients {
			if c.process.alive() && speaker.process.alive() { // else it has left for ever
				c.listen(speaker.name, speaker.said)
			}
		}
	}
	return nil
}

// talk has speakers say n lines each, does what is to be done meanwhile, and waits until
// listeners have heard all that they have said to each other.
func (s *Show) talk(n int, speakers, listeners []*Client, meanwhile func() error) error {
	want := make(map[string]int)
	for _, c := range listeners {
		want[c.name] = c.said + n
	}
	var heard []<-chan struct{}
	for _, c := range listeners {
		heard = append(heard, c.expect(want))
	}
	for _, c := range speakers {
		spoken := make(chan struct{})
		c.owner.Go(func(context.Context) {
			defer close(spoken)
			c.talk(n)
		})
		heard = append(heard, spoken)
	}
	if meanwhile != nil {
		if err := meanwhile(); err != nil {
			return err
		}
	}
	for _, h := range heard {
		if err := s.await(h); err != nil {
			return err
		}
	}
	return nil
}

func (s *Show) await(c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-s.owner.Context().Done():
		return context.Cause(s.owner.Context())
	case <-time.After(patience):
		return fmt.Errorf("not all that must be heard was heard within %v", patience)
	}
}
