package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what must happen; no test passes by its running out.
const patience = 20 * time.Second

// A room is a lobby under test, whose beats the test fires.
type room struct {
	*Lobby
	t     *testing.T
	beats *tether.Signal[tether.Tick]
}

func open(t *testing.T, adapt ...func(*Limits)) *room {
	limits := Limits{
		Clients: 100, Line: 1024, Flood: 1e6, Idle: 3, Pending: 1000, Buffer: 64 << 10,
		Write: time.Hour, Goodbye: time.Second,
	}
	for _, f := range adapt {
		f(&limits)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	owner := tether.NewOwner("lobby")
	beats := tether.NewSignal[tether.Tick](owner)
	r := &room{Open(owner, ln, beats, limits, log.New(io.Discard, "", 0)), t, beats}
	t.Cleanup(r.close)
	return r
}

// close shuts the lobby down, and wants nothing to be left of it.
func (r *room) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(r.t, r.owner.DestroyContext(ctx))
	assert.Zero(r.t, r.owner.Stats())
	assert.Empty(r.t, r.Branches())
	assert.Empty(r.t, r.names)
}

// closeOn shuts the lobby down while these guests listen.
func (r *room) closeOn(guests ...*guest) {
	r.t.Helper()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = r.owner.Destroy()
	}()
	for _, g := range guests {
		g.leaves(Closing)
	}
	<-closed
	r.close()
}

// A guest is a client under the test's command.
type guest struct {
	t    *testing.T
	name string
	conn *net.TCPConn
	in   *bufio.Reader
}

func (r *room) dial() *guest {
	conn, err := net.Dial("tcp", r.Addr().String())
	require.NoError(r.t, err)
	r.t.Cleanup(func() { conn.Close() })
	require.NoError(r.t, conn.SetDeadline(time.Now().Add(patience)))
	return &guest{r.t, "", conn.(*net.TCPConn), bufio.NewReader(conn)}
}

func (r *room) join(name string) *guest {
	g := r.dial()
	g.name = name
	g.hears("* your name?")
	g.says(name)
	g.hears("* " + name + " joined")
	return g
}

func (g *guest) says(text string) {
	_, err := io.WriteString(g.conn, text+"\n")
	require.NoError(g.t, err, "%s says %.20q", g.name, text)
}

func (g *guest) line() string {
	line, err := g.in.ReadString('\n')
	require.NoError(g.t, err, "%s, after %q", g.name, line)
	return strings.TrimSuffix(line, "\n")
}

// hears wants exactly these lines to come next.
func (g *guest) hears(lines ...string) {
	g.t.Helper()
	for _, want := range lines {
		require.Equal(g.t, want, g.line(), "%s hears", g.name)
	}
}

// leaves wants the lobby to say why, and then to close the connection.
func (g *guest) leaves(why Reason) {
	g.t.Helper()
	g.hears("* bye: " + string(why))
	_, err := g.in.ReadByte()
	require.ErrorIs(g.t, err, io.EOF, "%s", g.name)
	g.conn.Close()
}

// talk shows that guests hear each other.
func talk(guests ...*guest) {
	for _, g := range guests {
		g.says("still here")
		for _, h := range guests {
			h.hears(g.name + ": still here")
		}
	}
}

func TestPlayersHearEachOtherJoinTalkAndLeaveInThatOrder(t *testing.T) {
	r := open(t)
	ann := r.join("ann")
	bob := r.join("bob")
	ann.hears("* bob joined")

	const n = 100
	var said []string
	for i := range n {
		bob.says(fmt.Sprint("number ", i))
		said = append(said, fmt.Sprint("bob: number ", i))
	}
	bob.says("/quit")
	bob.hears(said...)
	bob.leaves(ByChoice)
	ann.hears(said...)
	ann.hears("* bob left: left")

	// The name is free again, though perhaps not in the moment that ann has heard.
	for again := true; again; again = bob.line() != "* bob joined" {
		bob = r.dial()
		bob.name = "bob"
		bob.hears("* your name?")
		bob.says("bob")
	}
	ann.hears("* bob joined")
	talk(ann, bob)
}

func TestWhoeverMisbehavesIsDroppedWithAReasonAndNobodyElseNotices(t *testing.T) {
	for _, c := range []struct {
		name string
		send string
		why  Reason
	}{
		{"over-long line", strings.Repeat("x", 5000), TooLong},
		{"line that is just too long", strings.Repeat("x", 1024) + "\n", TooLong},
		{"invalid UTF-8", "caf\xe9\n", NotText},
		{"control characters", "\x1b[2Jgotcha\n", NotText},
		{"telnet negotiation", "\xff\xfb\x01\xff\xfb\x03\r\n", NotText},
		{"flood", strings.Repeat("\n", 1000), Flood},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := open(t, func(l *Limits) { l.Flood = 20 })
			ann, cem := r.join("ann"), r.join("cem")
			ann.hears("* cem joined")

			bob := r.join("bob")
			ann.hears("* bob joined")
			cem.hears("* bob joined")
			_, err := io.WriteString(bob.conn, c.send)
			require.NoError(t, err)
			bob.leaves(c.why)
			ann.hears("* bob left: " + string(c.why))
			cem.hears("* bob left: " + string(c.why))

			talk(ann, cem)
			r.closeOn(ann, cem)
			assert.Equal(t, map[Reason]int{c.why: 1, Closing: 2}, r.Gone())
		})
	}
}

func TestALineOfJustTheLimitIsHeard(t *testing.T) {
	ann := open(t).join("ann")
	text := strings.Repeat("x", 1023)
	ann.says(text)
	ann.hears("ann: " + text)
}

func TestTheFloodLimitIsForTheTimeBetweenTwoBeats(t *testing.T) {
	r := open(t, func(l *Limits) { l.Flood = 5 })
	ann := r.join("ann")
	for range 10 {
		r.beats.Fire(tether.Tick{})
		for range 5 {
			ann.says("more")
			ann.hears("ann: more")
		}
	}
	ann.says("one more")
	ann.leaves(Flood)
}

func TestANameIsTakenAsLongAsItsPlayerIsThere(t *testing.T) {
	r := open(t)
	ann := r.join("ann")
	for name, why := range map[string]Reason{
		"ann": Taken, "": BadName, "ann ann": BadName, "12345678901234567": BadName, "\xff": NotText,
	} {
		g := r.dial()
		g.hears("* your name?")
		g.says(name)
		g.leaves(why)
	}
	talk(ann)
	r.join("Ännchen_2-ß")
	ann.hears("* Ännchen_2-ß joined")
}

func TestWhoeverIsSilentIsDroppedAtTheDoorToo(t *testing.T) {
	r := open(t, func(l *Limits) { l.Idle = 3 })
	ann, bob, door := r.join("ann"), r.join("bob"), r.dial()
	ann.hears("* bob joined")
	door.hears("* your name?")
	for range 3 {
		r.beats.Fire(tether.Tick{})
	}
	talk(ann)
	bob.hears("ann: still here")
	r.beats.Fire(tether.Tick{}) // one too many for who has said nothing
	door.leaves(Idle)
	bob.leaves(Idle)
	ann.hears("* bob left: idle")
	talk(ann)
}

func TestACutConnectionIsNoticed(t *testing.T) {
	r := open(t)
	ann, bob := r.join("ann"), r.join("bob")
	ann.hears("* bob joined")
	require.NoError(t, bob.conn.SetLinger(0)) // a reset
	require.NoError(t, bob.conn.Close())
	ann.hears("* bob left: connection lost")

	cem := r.join("cem")
	ann.hears("* cem joined")
	_, err := io.WriteString(cem.conn, "half a li")
	require.NoError(t, err)
	require.NoError(t, cem.conn.CloseWrite())
	ann.hears("* cem left: left")
}

func TestAFullLobbyTakesNobodyElse(t *testing.T) {
	r := open(t, func(l *Limits) { l.Clients = 2 })
	ann, bob := r.join("ann"), r.join("bob")
	ann.hears("* bob joined")
	r.dial().leaves(Full)
	talk(ann, bob)
	bob.says("/quit")
	bob.leaves(ByChoice)
	ann.hears("* bob left: left")
	r.join("cem")
	ann.hears("* cem joined")
}
