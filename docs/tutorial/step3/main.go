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

// snippet: join

// Join lets somebody in, who is at the other end of conn.
func (r *Room) Join(name string, conn net.Conn) *tether.Owner {
	member := r.owner.NewChild(name)
	tether.OwnBlocking(member, conn)
	r.said.Connect(member, func(line string) { fmt.Fprintln(conn, line) })
	member.Go(func(context.Context) {
		defer member.Cancel(nil) // whoever hangs up has left
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			r.said.Fire(name + ": " + lines.Text())
		}
	})
	member.Defer(func() { fmt.Println(name, "has left") })
	return member
}

// end

// snippet: main
func main() {
	room := &Room{owner: tether.NewOwner("room")}
	server, ann := net.Pipe() // two ends: the room has one, ann the other
	room.Join("ann", server)

	fmt.Fprintln(ann, "hello")
	answer, _ := bufio.NewReader(ann).ReadString('\n')
	fmt.Print("on ann's screen: ", answer)
	room.owner.Destroy()
	fmt.Println("nothing of the room runs any more")
}

// end
