package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// snippet: test
func TestWhoIsKickedHasLeft(t *testing.T) {
	tethertest.VerifyNone(t) // first: it judges when all else has ended
	room := NewRoom(tethertest.NewOwner(t))
	said := tethertest.Record(t, &room.said)

	server, ann := net.Pipe()
	require.NoError(t, room.Join("ann", server))
	said.Expect("ann has joined")
	fmt.Fprintln(ann, "hello")
	said.Expect("ann: hello")

	room.Kick("ann")
	said.Expect("ann has left")
	assert.Empty(t, room.Who())
	said.ExpectNone()
}

// end

func TestANameIsTakenForAsLongAsItsMemberIsIn(t *testing.T) {
	tethertest.VerifyNone(t)
	room := NewRoom(tethertest.NewOwner(t))
	said := tethertest.Record(t, &room.said)
	for range 3 {
		server, ann := net.Pipe()
		require.NoError(t, room.Join("ann", server))
		assert.EqualError(t, room.Join("ann", nil), "the name ann is taken")
		assert.Equal(t, []string{"ann"}, room.Who())
		ann.Close()
		said.Expect("ann has joined", "ann has left")
		assert.Empty(t, room.Who())
	}
}

func TestEachHearsEachOtherInOrder(t *testing.T) {
	tethertest.VerifyNone(t)
	room := NewRoom(tethertest.NewOwner(t))
	server, ann := net.Pipe()
	require.NoError(t, room.Join("ann", server))
	server, bob := net.Pipe()
	require.NoError(t, room.Join("bob", server))
	screen := bufio.NewScanner(bob)
	hears := func(want string) {
		t.Helper()
		require.True(t, screen.Scan())
		require.Equal(t, want, screen.Text())
	}
	hears("bob has joined")
	go func() {
		for range 10 {
			fmt.Fprintln(ann, "hello")
			fmt.Fprintln(ann, "bob")
		}
		ann.Close()
	}()
	for range 10 {
		hears("ann: hello")
		hears("ann: bob")
	}
	hears("ann has left")
}

// Who is at the door is let go of, too.
func TestTheServerEndsWithWhoeverIsThere(t *testing.T) {
	tethertest.VerifyNone(t)
	app := tethertest.NewOwner(t)
	room := NewRoom(app)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tether.OwnBlocking(app, ln)
	app.GoErr(func(context.Context) error { return serve(app, ln, room) })
	dial := func() (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp", ln.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		r := bufio.NewReader(conn)
		_, err = r.Discard(len("your name? "))
		require.NoError(t, err)
		return conn, r
	}
	next := func(r *bufio.Reader) string { line, _ := r.ReadString('\n'); return line }
	_, atTheDoor := dial()
	ann, screen := dial()
	fmt.Fprintln(ann, "ann")
	assert.Equal(t, "ann has joined\n", next(screen))
	second, refused := dial()
	fmt.Fprintln(second, "ann")
	assert.Equal(t, "the name ann is taken\n", next(refused))
	assert.Empty(t, next(refused))

	assert.NoError(t, app.Destroy())
	assert.Zero(t, app.Stats())
	assert.Empty(t, next(screen))
	assert.Empty(t, next(atTheDoor))
}

var faulty = flag.Bool("faulty", false, "run the test whose failure the page shows")

func TestForgotten(t *testing.T) {
	if !*faulty {
		t.Skip("fails, to show how")
	}
	var app *tether.Owner
	t.Cleanup(func() { app.Destroy() }) // after VerifyNone has judged
	// snippet: forgotten
	tethertest.VerifyNone(t)
	app = tether.NewOwner("app") // the fault: nobody destroys it
	server, _ := net.Pipe()
	require.NoError(t, NewRoom(app).Join("ann", server))
	// end
}
