package main

import (
	"bufio"
	"context"
	"fmt"
	"net"

	"github.com/seed-ec287111/tether"
)

func main() {
	var said tether.Signal[string]
	app := tether.NewOwner("app")
	server, client := net.Pipe()

	ann := app.NewChild("ann")            // an owner per client
	tether.OwnBlocking(ann, server)       // closed first of all: reads return
	said.Connect(ann, func(line string) { // the owner comes first
		fmt.Fprintln(server, "heard", line)
	})
	ann.Go(func(context.Context) {
		for lines := bufio.NewScanner(server); lines.Scan(); {
			said.Fire(lines.Text()) // calls ann's handler, and everybody's
		}
		fmt.Println("ann's reader has returned")
	})
	ann.Defer(func() { fmt.Println("ann has left") })

	fmt.Fprintln(client, "hello")
	answer, _ := bufio.NewReader(client).ReadString('\n')
	fmt.Print(answer)

	ann.Destroy() // cuts off, waits for handler and goroutine, runs cleanups
	app.Destroy() // the same for whatever is left below app
}
