package main

import (
	"fmt"

	"github.com/seed-ec287111/tether"
)

// A Room is a chat room. Whoever is in it hears what is said.
type Room struct {
	owner *tether.Owner
	said  tether.Signal[string]
}

// Join lets somebody in. Destroy of the owner that it returns is how to leave.
func (r *Room) Join(name string) *tether.Owner {
	member := r.owner.NewChild(name)
	r.said.Connect(member, func(line string) { fmt.Println(name, "hears:", line) })
	member.Defer(func() { fmt.Println(name, "has left") })
	return member
}

func main() {
	room := &Room{owner: tether.NewOwner("room")}
	ann := room.Join("ann")
	room.Join("bob")
	room.Join("eve")

	room.said.Fire("hello")
	ann.Destroy()
	room.said.Fire("only bob and eve hear this")
	room.owner.Destroy()
}
