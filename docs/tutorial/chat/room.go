package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

// A Room is a chat room. Whoever is in it hears what is said.
type Room struct {
	said    tether.Signal[string]
	members *keyed.Map[string, *Member]
}

// A Member is in the room for as long as its owner lives.
type Member struct {
	owner  *tether.Owner
	screen *tether.Queue
}

// NewRoom returns a room that ends with owner.
func NewRoom(owner *tether.Owner) *Room {
	r := new(Room)
	r.members = keyed.NewMap(owner, "members", func(o *tether.Owner, name string) *Member {
		o.Defer(func() { r.said.Fire(name + " has left") })
		return &Member{owner: o, screen: tether.NewQueue(o, 100, tether.DropOldest)}
	})
	return r
}

// Join lets somebody in, who is at the other end of conn, if nobody has that name.
func (r *Room) Join(name string, conn net.Conn) error {
	m, fresh := r.members.GetOrMake(name)
	if !fresh {
		return fmt.Errorf("the name %s is taken", name)
	}
	tether.OwnBlocking(m.owner, conn)
	r.said.Connect(m.owner, func(line string) { fmt.Fprintln(conn, line) }, tether.On(m.screen))
	r.said.Fire(name + " has joined")
	m.owner.Go(func(context.Context) {
		defer m.owner.Cancel(nil) // whoever hangs up has left
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			r.said.Fire(name + ": " + lines.Text())
		}
	})
	return nil
}

// Kick throws somebody out. When it returns, nothing of the member runs any more.
func (r *Room) Kick(name string) { _ = r.members.Destroy(name) }

// Who returns the names of those who are in.
func (r *Room) Who() []string { return slices.Sorted(maps.Keys(maps.Collect(r.members.All()))) }
