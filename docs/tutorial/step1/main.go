package main

import (
	"fmt"

	"github.com/seed-ec287111/tether"
)

func main() {
	var said tether.Signal[string]

	ann := tether.NewOwner("ann")
	bob := tether.NewOwner("bob")
	said.Connect(ann, func(line string) { fmt.Println("ann hears:", line) })
	said.Connect(bob, func(line string) { fmt.Println("bob hears:", line) })

	said.Fire("hello")
	ann.Destroy()
	said.Fire("is ann still there?")
	bob.Destroy()
}
