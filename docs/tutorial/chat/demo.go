package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

// demo has two visitors, and looks at what there is.
func demo(app *tether.Owner, room *Room, addr string) error {
	ann, err := visit(app, addr, "ann")
	if err == nil {
		_, err = visit(app, addr, "bob")
	}
	if err == nil {
		err = read(ann, "bob has joined")
	}
	if err != nil {
		return err
	}
	for _, m := range room.members.All() { // until all is quiet
		_ = m.screen.Flush(app.Context())
	}
	readers := room.members.Group()
	for readers.Stats().Goroutines != 2 || app.Stats().Goroutines != 4 { // those, main and serve
		time.Sleep(time.Millisecond)
	}
	// snippet: look
	return inspect.Dump(os.Stdout)
	// end
}

// visit dials, and returns when it is in.
func visit(app *tether.Owner, addr, name string) (*bufio.Scanner, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	tether.OwnBlocking(app, conn)
	fmt.Fprintln(conn, name)
	screen := bufio.NewScanner(conn)
	return screen, read(screen, name+" has joined")
}

// read reads up to a line that ends like that.
func read(screen *bufio.Scanner, line string) error {
	for screen.Scan() {
		fmt.Println("on a screen:", screen.Text())
		if strings.HasSuffix(screen.Text(), line) {
			return nil
		}
	}
	return fmt.Errorf("%q did not come: %w", line, screen.Err())
}
