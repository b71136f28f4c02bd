package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
)

// A stream is one client's server-sent events.
//
// All that it is sent comes by one queue, which keeps the order and is the only
// writer. What the queue's goroutine writes needs no lock: the cleanups that read
// it run after that goroutine's last call.
type stream struct {
	server *Server
	owner  *tether.Owner
	w      http.ResponseWriter
	rc     *http.ResponseController
	queue  *tether.Queue
	after  uint64 // the last message that the client has, from an earlier stream

	last func() time.Time // by when all must be written, from the first call on

	out  bytes.Buffer // sent but not written
	told uint64       // lost events that the client was told of
	slow bool         // it has not taken something in time
	cut  bool         // a write has failed: an event may have ended halfway
}

// stream serves GET /events, until the client or the server goes.
func (s *Server) stream(owner *tether.Owner, w http.ResponseWriter, r *http.Request) {
	st := &stream{
		server: s, owner: owner, w: w, rc: http.NewResponseController(w),
		queue: tether.NewQueue(owner, s.limits.Pending, tether.DropOldest, tether.Finish()),
		last:  sync.OnceValue(func() time.Time { return time.Now().Add(s.limits.Goodbye) }),
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Connection", "close") // its deadlines are not for another request
	if st.rc.SetWriteDeadline(time.Time{}) != nil || st.rc.Flush() != nil && owner.Alive() {
		http.Error(w, "no streams here", http.StatusInternalServerError)
		return
	}
	st.after, _ = strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)

	// In the end: what is in the queue, then goodbye, then the departure. The interrupt
	// gives all of that, and a write that is under way, the same short time.
	owner.Defer(func() { s.Left.Fire(Departure{r.RemoteAddr, st.why()}) })
	owner.Defer(st.goodbye)
	owner.Interrupt(func() { _ = st.rc.SetWriteDeadline(st.last()) })

	// NOTE: the order. The configuration is what a client hears first that has missed
	// nothing, so it takes that for the sign that it is in: what is posted from then on
	// it hears, or hears to have lost. With the two lines the other way round it had
	// heard the sign when this goroutine had one more line to go; and on a busy machine,
	// once in some hundred runs, that took so long that more messages came meanwhile
	// than are kept for who comes later. Those were neither sent nor lost in the queue.
	on := tether.On(st.queue)
	s.recent.Connect(owner, st.message, on)
	s.config.Connect(owner, func(c Config) { st.send("event: config\n%s", data(c.Greeting)) }, on)

	// A heartbeat is for a stream with nothing to say; in the queue of a slow reader
	// it would push out what matters.
	var quiet tether.Signal[tether.Tick]
	quiet.Connect(owner, func(tether.Tick) { st.send(": %s\n\n", "still here") }, on)
	s.beat.Connect(owner, func(t tether.Tick) {
		if st.queue.Len() == 0 {
			quiet.Fire(t)
		}
	})

	<-owner.Context().Done()
}

func (st *stream) message(m Message) {
	if m.ID > st.after {
		st.send("id: %d\n%s", m.ID, data(m.Text))
		return
	}
	st.write() // what was sent before may have counted on this one
}

// data is text as the data of an event, which ends with an empty line.
func data(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	return "data: " + strings.ReplaceAll(text, "\n", "\ndata: ") + "\n\n"
}

// send is for handlers on the queue.
func (st *stream) send(format string, args ...any) {
	if lost := st.queue.Dropped(); lost > st.told {
		fmt.Fprintf(&st.out, "event: lost\ndata: %d\n\n", lost-st.told)
		st.told = lost
	}
	fmt.Fprintf(&st.out, format, args...)
	st.write()
}

// batch is how many bytes are worth a write of their own; arbitrary.
const batch = 4 << 10

// write is called at the end of every handler on the queue. Events that wait there go
// out together, with the last of them: a crowd costs a write for a batch, not for an
// event. So a handler that has nothing to send calls it too: it may be the last.
func (st *stream) write() {
	if n := st.out.Len(); n > 0 && (st.queue.Len() == 0 || n > batch) {
		st.flush()
	}
}

// flush writes what was sent. A client that does not take it in time is dropped.
func (st *stream) flush() {
	deadline := time.Now().Add(st.server.limits.Write)
	_ = st.rc.SetWriteDeadline(deadline)
	// NOTE: the order. An owner is dead before its interrupts run. So either the
	// interrupt comes after the deadline above and overrides it, or it is seen here
	// that one came before and was overridden.
	alive := st.owner.Alive()
	if !alive {
		_ = st.rc.SetWriteDeadline(st.last())
	}
	if err := st.deliver(); err != nil {
		// Whether it was this deadline, and not the interrupt's. The owner can't tell:
		// net/http has ended the request's context by now.
		st.slow = st.slow || alive && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(deadline)
		st.owner.Cancel(err)
	}
}

// deliver writes nothing after a write that has failed: an event may have ended halfway.
func (st *stream) deliver() error {
	if st.cut {
		st.out.Reset()
		return nil
	}
	_, err := st.out.WriteTo(st.w)
	if err == nil {
		err = st.rc.Flush()
	}
	st.cut = err != nil
	return err
}

// why says what has ended the stream. It is for cleanups.
func (st *stream) why() Reason {
	switch {
	case st.slow:
		return Slow
	case !st.server.streams.Alive():
		return Closing
	}
	return Gone
}

// goodbye runs when nothing else of the stream does, and has the last word. The
// deadline is that of what net/http writes to end the response, too.
func (st *stream) goodbye() {
	_ = st.rc.SetWriteDeadline(st.last())
	if st.why() == Gone {
		return
	}
	fmt.Fprintf(&st.out, "event: bye\n%s", data(string(st.why())))
	_ = st.deliver()
}
