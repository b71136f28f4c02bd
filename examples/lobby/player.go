package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ec287111/tether"
)

// A Player is one client.
//
// Its connection has one writer at a time, and needs no lock for that: at the
// door the goroutine that reads it, at its seat the queue, and after the drain
// the cleanup that says goodbye. That the reader belongs to the player's owner,
// and not to the lobby's, is what makes the drain wait for it.
type Player struct {
	lobby *Lobby
	owner *tether.Owner // of the connection
	conn  net.Conn
	in    *bufio.Reader
	name  string // "" until it is taken

	queue *tether.Queue // of all that the player hears; nil at the door
	told  uint64        // lost lines that the player has been told of

	last func() time.Time // by when all must be said, from the first call on

	out []byte // told but not written
	cut bool   // a write failed: a line may have ended halfway

	quiet atomic.Int64 // beats since the last line
	lines atomic.Int64 // lines since the last beat
}

// admit gives a connection its owner, and the owner all that ends with it.
func (l *Lobby) admit(conn net.Conn) {
	owner := l.tables.NewChild(conn.RemoteAddr().String())
	p := &Player{
		lobby: l, owner: owner, conn: conn, in: bufio.NewReaderSize(conn, l.limits.Line),
		last: sync.OnceValue(func() time.Time { return time.Now().Add(l.limits.Goodbye) }),
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// What the kernel holds for a slow reader can't be dropped any more.
		_ = tcp.SetWriteBuffer(l.limits.Buffer)
	}

	// In the end: what is in the queue, goodbye, close, depart. Before that, the
	// interrupt makes a read that is under way return, and gives all that is still
	// to be written the same short time. So conn is owned, and closed, after that:
	// OwnBlocking would close it before.
	owner.Defer(func() { l.depart(p) })
	tether.Own(owner, conn)
	owner.Defer(p.goodbye)
	owner.Interrupt(func() {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
		_ = conn.SetWriteDeadline(p.last())
	})

	// From here on, so that a client that never gives its name is idle too.
	l.beat.Connect(owner, func(tether.Tick) {
		p.lines.Store(0)
		if p.quiet.Add(1) > int64(l.limits.Idle) {
			p.drop(Idle)
		}
	})

	// When the lobby ends, the player would be unwound in its turn. Destroy says
	// not to wait for that: all players say goodbye at once. In the player's own
	// goroutine it does not wait, but has the teardown follow when that returns.
	if !owner.Go(func(context.Context) {
		p.drop(p.talk())
		_ = owner.Destroy()
	}) {
		_ = owner.Destroy() // accepted too late
	}
}

// drop ends the player, unless something has already. It does not wait, so that
// handlers may call it: the player's own, and that of the beat.
func (p *Player) drop(why Reason) { p.owner.Cancel(why) }

// why says what ended the player.
func (p *Player) why() Reason {
	var why Reason
	if errors.As(context.Cause(p.owner.Context()), &why) {
		return why
	}
	return Closing // the lobby's end was that of the player
}

// talk reads what the client sends, and returns why it went no further.
func (p *Player) talk() Reason {
	if !p.lobby.enter(p) {
		return Full
	}
	p.tell("* your name?")
	name, why := p.read()
	if why != "" {
		return why
	}
	if why := p.sit(name); why != "" {
		return why
	}
	for {
		text, why := p.read()
		switch {
		case why != "":
			return why
		case text == "/quit":
			return ByChoice
		case text != "":
			p.lobby.Said.Fire(Line{p.name, text})
		}
	}
}

// sit gives the player a name and a seat. One queue for all three signals keeps
// them in the order in which they were fired, so nobody speaks before joining or
// after leaving; and a reader that is too slow for its queue loses the oldest
// lines, while those who fire never wait for it. What was said before it leaves, it
// hears.
func (p *Player) sit(name string) Reason {
	if !validName(name) {
		return BadName
	}
	if !p.lobby.name(p, name) {
		return Taken
	}
	seat := p.owner.NewChild(name)
	p.queue = tether.NewQueue(seat, p.lobby.limits.Pending, tether.DropOldest, tether.Finish())
	on := tether.On(p.queue)
	p.lobby.Joined.Connect(seat, func(name string) { p.hear("* " + name + " joined") }, on)
	p.lobby.Said.Connect(seat, func(l Line) { p.hear(l.Name + ": " + l.Text) }, on)
	p.lobby.Left.Connect(seat, func(d Departure) { p.hear("* " + d.Name + " left: " + string(d.Why)) }, on)
	p.lobby.log.Printf("%v joined", seat)
	p.lobby.Joined.Fire(name)
	return ""
}

// hear tells the player a line that comes from its queue, and how many did not.
func (p *Player) hear(line string) {
	if lost := p.queue.Dropped(); lost > p.told {
		line = fmt.Sprintf("* %d lines lost\n%s", lost-p.told, line)
		p.told = lost
	}
	p.tell(line)
}

// tell writes a line. Lines that wait in the queue go out together, with the
// last of them: a crowded lobby costs a write for a batch, not for a line.
func (p *Player) tell(line string) {
	p.out = append(append(p.out, line...), '\n')
	if p.queue == nil || p.queue.Len() == 0 || len(p.out) > batch {
		p.flush()
	}
}

// batch is how many bytes are worth a write of their own; arbitrary.
const batch = 4 << 10

// flush writes what was told. A client that does not take it in time is dropped,
// so that one that never reads holds the queue's goroutine for no longer.
func (p *Player) flush() {
	_ = p.conn.SetWriteDeadline(time.Now().Add(p.lobby.limits.Write))
	// NOTE: the order. An owner is dead before its interrupts run. So either the
	// interrupt comes after the deadline above and overrides it, or it is seen here
	// that one came before and was overridden.
	if !p.owner.Alive() {
		_ = p.conn.SetWriteDeadline(p.last())
	}
	var err error
	if !p.cut {
		_, err = p.conn.Write(p.out)
	}
	p.out = p.out[:0]
	if err == nil {
		return
	}
	p.cut = true
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.drop(Slow) // unless the deadline was the interrupt's
	} else {
		p.drop(Lost)
	}
}

// goodbye runs when nothing else of the player does, and has the last word.
func (p *Player) goodbye() {
	_ = p.conn.SetDeadline(p.last())
	if !p.cut {
		_, err := fmt.Fprintf(p.conn, "%s* bye: %s\n", p.out, p.why())
		p.cut = err != nil
	}
	tcp, ok := p.conn.(*net.TCPConn)
	if !ok {
		return
	}
	// To close with input unread would reset the connection, and the goodbye could
	// be lost with it. So the client may close first.
	if !p.cut && tcp.CloseWrite() == nil {
		_, err := io.Copy(io.Discard, tcp)
		p.cut = err != nil
	}
	if p.cut { // it does not read, or is not there: let the kernel forget it too
		_ = tcp.SetLinger(0)
	}
}
