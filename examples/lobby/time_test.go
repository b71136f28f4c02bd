package main

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// pipes is a listener whose connections keep nothing: a write waits for a read.
// It works in a synctest bubble, where time is not real.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return nil }

func destroy(t *testing.T, owner *tether.Owner) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, owner.DestroyContext(ctx))
	assert.Zero(t, owner.Stats())
}

func TestASilentClientIsDroppedWhenItsBeatsHavePassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner, ln := tether.NewOwner("lobby"), newPipes()
		beat := tether.NewHeartbeat(owner, time.Second)
		Open(owner, ln, beat, Limits{Clients: 1, Line: 64, Idle: 300, Write: time.Second, Goodbye: time.Second}, log.New(io.Discard, "", 0))
		defer destroy(t, owner)

		conn, served := net.Pipe()
		ln.conns <- served
		start := time.Now()
		in := bufio.NewReader(conn)
		for _, want := range []string{"* your name?\n", "* bye: idle\n"} {
			line, err := in.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, want, line)
		}
		assert.Equal(t, 301*time.Second, time.Since(start))
		_, err := in.ReadByte()
		assert.ErrorIs(t, err, io.EOF)
	})
}

func TestAWriteThatNobodyReadsEndsWhenItsTimeHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner, ln := tether.NewOwner("lobby"), newPipes()
		beats := tether.NewSignal[tether.Tick](owner)
		l := Open(owner, ln, beats, Limits{Clients: 1, Line: 64, Write: 5 * time.Second, Goodbye: time.Hour}, log.New(io.Discard, "", 0))
		defer destroy(t, owner)

		_, served := net.Pipe()
		start := time.Now()
		ln.conns <- served
		synctest.Wait()
		for len(l.Branches()) > 0 {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		assert.Equal(t, 5*time.Second, time.Since(start))
		assert.Equal(t, map[Reason]int{Slow: 1}, l.Gone())
	})
}

// A hooked connection lets a test in before it sets its first write deadline and
// after its first write, and counts the deadlines of reads: first the interrupt's, then
// the goodbye's, which is for both directions.
type hooked struct {
	net.Conn
	setting, written func()
	deadlines        atomic.Int32
}

func (c *hooked) SetWriteDeadline(t time.Time) error {
	once(&c.setting)
	return c.Conn.SetWriteDeadline(t)
}

func (c *hooked) Write(b []byte) (int, error) {
	defer once(&c.written)
	return c.Conn.Write(b)
}

func (c *hooked) SetReadDeadline(t time.Time) error {
	defer c.deadlines.Add(1)
	return c.Conn.SetReadDeadline(t)
}

func (c *hooked) SetDeadline(t time.Time) error {
	defer c.deadlines.Add(1)
	return c.Conn.SetDeadline(t)
}

func once(hook *func()) {
	if f := *hook; f != nil {
		*hook = nil
		f()
	}
}

// The deadline of a write may come after that of the interrupt, and would undo
// it: the write would hold back the shutdown for as long as it may take.
func TestAWriteDeadlineDoesNotUndoAnInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner, ln := tether.NewOwner("lobby"), newPipes()
		beats := tether.NewSignal[tether.Tick](owner)
		Open(owner, ln, beats, Limits{Clients: 1, Line: 64, Write: time.Hour, Goodbye: time.Second}, log.New(io.Discard, "", 0))

		_, served := net.Pipe()
		conn := &hooked{Conn: served}
		conn.setting = func() {
			owner.Cancel(nil)
			time.Sleep(time.Second)
			assert.EqualValues(t, 1, conn.deadlines.Load(), "deadlines")
		}
		ln.conns <- conn
		synctest.Wait()
		destroy(t, owner)
	})
}

func TestGoodbyeIsSaidWhenTheReaderHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner, ln := tether.NewOwner("lobby"), newPipes()
		beats := tether.NewSignal[tether.Tick](owner)
		Open(owner, ln, beats, Limits{Clients: 1, Line: 64, Idle: 0, Write: time.Hour, Goodbye: 2 * time.Second}, log.New(io.Discard, "", 0))

		conn, served := net.Pipe()
		hook := &hooked{Conn: served}
		hook.written = func() {
			beats.Fire(tether.Tick{}) // it is dropped as idle, in the middle of its talk
			time.Sleep(time.Second)
			assert.EqualValues(t, 1, hook.deadlines.Load(), "deadlines")
		}
		ln.conns <- hook
		heard, err := io.ReadAll(conn)
		require.NoError(t, err)
		assert.Equal(t, "* your name?\n* bye: idle\n", string(heard))
		destroy(t, owner)
	})
}

// A late listener accepts one more connection when it is closed.
type late struct {
	*pipes
	conn net.Conn
}

func (l *late) Accept() (net.Conn, error) {
	<-l.closed
	conn := l.conn
	if conn == nil {
		return nil, net.ErrClosed
	}
	l.conn = nil
	return conn, nil
}

// The lobby can't unwind before its goroutines have returned; if one of those
// waits for the client's end, the client must not wait for the unwinding.
func TestAConnectionThatComesTooLateIsClosedThoughTheLobbyIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, served := net.Pipe()
		owner, ln := tether.NewOwner("lobby"), &late{newPipes(), served}
		beats := tether.NewSignal[tether.Tick](owner)
		l := Open(owner, ln, beats, Limits{Clients: 1, Line: 64, Goodbye: time.Second}, log.New(io.Discard, "", 0))
		var heard []byte
		owner.Go(func(context.Context) { heard, _ = io.ReadAll(conn) })
		destroy(t, owner)
		assert.Equal(t, "* bye: the lobby closes\n", string(heard))
		assert.Equal(t, map[Reason]int{Closing: 1}, l.Gone())
	})
}

func TestAllPlayersSayGoodbyeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner, ln := tether.NewOwner("lobby"), newPipes()
		beats := tether.NewSignal[tether.Tick](owner)
		Open(owner, ln, beats, Limits{Clients: 10, Line: 64, Write: time.Hour, Goodbye: time.Second}, log.New(io.Discard, "", 0))
		for range 10 {
			conn, served := net.Pipe()
			ln.conns <- served
			_, err := bufio.NewReader(conn).ReadString('\n') // and never again
			require.NoError(t, err)
		}
		synctest.Wait()
		start := time.Now()
		destroy(t, owner)
		assert.Equal(t, time.Second, time.Since(start))
	})
}
