package main

import (
	"bufio"
	"context"
	"fmt"
	"net"

	"github.com/seed-ec287111/tether"
)

// A Room is a chat room. Whoever is in it hears what is said.
type Room struct {
	owner *tether.Owner
	said  tether.Signal[string]
}

// Join lets somebody in, who is at the other end of conn.
func (r *Room) Join(name string, conn net.Conn) *tether.Owner {
	member := r.owner.NewChild(name)
	tether.OwnBlocking(member, conn)
	// snippet: queue
	screen := tether.NewQueue(member, 3, tether.DropOldest)
	r.said.Connect(member, func(line string) { fmt.Fprintln(conn, line) }, tether.On(screen))
	member.Defer(func() { fmt.Println(name, "has left, and has missed", screen.Dropped(), "lines") })
	// end
	member.Go(func(context.Context) {
		defer member.Cancel(nil) // whoever hangs up has left
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			r.said.Fire(name + ": " + lines.Text())
		}
	})
	return member
}

// snippet: main
func main() {
	room := &Room{owner: tether.NewOwner("room")}
	server, _ := net.Pipe()
	bob := room.Join("bob", server) // who never reads
	server, ann := net.Pipe()
	room.Join("ann", server)

	screen := bufio.NewReader(ann)
	for n := range 10 {
		fmt.Fprintln(ann, "line", n)
		answer, _ := screen.ReadString('\n')
		fmt.Print("on ann's screen: ", answer)
	}
	bob.Destroy()
	room.owner.Destroy()
}

// end
