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
	"strings"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethernats"
)

const (
	grace    = 5 * time.Second  // for the end of anything; after that it is killed, and a fault
	patience = 20 * time.Second // for lines that must be heard
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

// A Show is what the first process has. Its owner is staged, and what is made later ends
// earlier: the clients of a lobby, the lobby, the server.
type Show struct {
	owner   *tether.Owner
	out     io.Writer
	url     string // of the server
	lobbies []*Process
	clients []*Client // those that have left too
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
	fmt.Fprintf(out, "all has ended within %v\n\n", time.Since(closing).Round(time.Millisecond))
	return balance(out, s.clients, s.lobbies)
}

func (s *Show) play(n int) error {
	for _, line := range []string{"north ann bob cem", "east dan eve fay", "south gus hal ida"} {
		names := strings.Fields(line)
		if err := s.open(names[0], names[1:]...); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "all talk, each %d lines\n", n)
	all := s.clients
	if err := s.talk(n, all, all, func() error { return nil }); err != nil {
		return err
	}

	south, living := s.lobbies[2], all[:6]
	first := south.clients[0]
	enough := first.expect(map[string]int{first.name: first.said + n/10})
	err := s.talk(n, all, living, func() error {
		if err := s.await(enough); err != nil {
			return err
		}
		fmt.Fprintln(s.out, "all talk, and south is killed")
		return south.kill()
	})
	if err != nil {
		return err
	}
	for _, c := range south.clients {
		c.leave(all)
	}

	if err := s.open("south", "gus-2", "hal-2", "ida-2"); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "south is back, and so are its clients; all talk")
	all = slices.Concat(living, s.lobbies[3].clients)
	return s.talk(n, all, all, func() error { return nil })
}

// open starts a lobby and has its clients come in. Nobody talks meanwhile.
func (s *Show) open(name string, clients ...string) error {
	p, err := start(s.owner, name, s.url)
	if err != nil {
		return err
	}
	s.lobbies = append(s.lobbies, p)
	fmt.Fprintf(s.out, "%-5s listens on %s: process %d\n", name, p.addr, p.cmd.Process.Pid)
	for _, client := range clients {
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
	var all []<-chan struct{}
	for _, c := range listeners {
		all = append(all, c.expect(want))
	}
	for _, c := range speakers {
		spoken := make(chan struct{})
		c.owner.Go(func(context.Context) {
			defer close(spoken)
			c.talk(n)
		})
		all = append(all, spoken)
	}
	if err := meanwhile(); err != nil {
		return err
	}
	for _, done := range all {
		if err := s.await(done); err != nil {
			return err
		}
	}
	return nil
}

func (s *Show) await(done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("not all that must be heard was heard within %v", patience)
	}
}
