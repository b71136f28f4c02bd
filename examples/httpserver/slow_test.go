package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// flood is enough to fill what the kernel and the server keep for a client.
const flood = 600

var long = strings.Repeat("x", 1000)

// tight leaves a slow reader little room.
func tight(a *App) { a.Limits.Buffer, a.Limits.Pending = 32<<10, 16 }

func TestASlowReaderLosesEventsThatItIsToldOfAndStallsNobody(t *testing.T) {
	s := start(t, tight)
	slow, ann := s.listen(0, 32<<10), s.listen(0, 0)
	for i := range uint64(flood) { // each is heard by ann before the next
		s.posted.Fire(long)
		ann.hears(message(i+1, long))
	}
	for range 100 { // nor do heartbeats push out what waits
		s.beats.Fire(tether.Tick{})
	}
	heard, lost, last := 0, 0, uint64(0)
	for heard+lost < flood {
		e, err := slow.read()
		require.NoError(t, err)
		if e.name == "lost" {
			n := 0
			_, err := fmt.Sscan(e.data, &n)
			require.NoError(t, err)
			lost += n
			continue
		}
		require.Greater(t, e.id, last, "out of order")
		heard, last = heard+1, e.id
	}
	assert.Equal(t, flood, heard+lost)
	assert.Positive(t, lost)
	assert.EqualValues(t, flood, last, "the newest message is never lost")
	s.posted.Fire("and now?")
	slow.hears(message(flood+1, "and now?"))
}

// The server used to connect a client to the configuration first and to the messages
// then. A client that posted as soon as it had heard the configuration could find, on a
// busy machine, that more messages were said before the second connect than are kept for
// who comes later: neither sent nor lost, they were waited for in vain. So the test of
// the slow reader timed out once in some hundred runs. What is kept for a client comes
// before the configuration only if it is connected to the messages by then.
func TestWhoHasHeardTheConfigurationHearsWhateverIsSaidFromThenOn(t *testing.T) {
	s := start(t)
	for i := range 3 {
		s.post(fmt.Sprint(i + 1))
	}
	s.keeps(3)
	s.listen(0, 0, message(1, "1"), message(2, "2"), message(3, "3"))
}

// An event that leaves the write to the one behind it was not written if that one was a
// message that the client has already.
func TestAnEventIsWrittenAlsoIfTheLastInTheQueueIsNothingToSend(t *testing.T) {
	owner := tether.NewOwner("test")
	defer owner.Destroy()
	out := httptest.NewRecorder()
	st := &stream{
		server: &Server{limits: Limits{Write: patience}}, owner: owner, w: out, rc: http.NewResponseController(out),
		queue: tether.NewQueue(owner, 10, tether.DropOldest, tether.Manual()), after: 5,
	}
	var said tether.Signal[Message]
	said.Connect(owner, st.message, tether.On(st.queue))
	said.Fire(Message{ID: 6, Text: "new"})
	said.Fire(Message{ID: 5, Text: "old"})
	require.Equal(t, 2, st.queue.Drain())
	assert.Equal(t, "id: 6\ndata: new\n\n", out.Body.String())
}

func TestWhoeverNeverReadsIsDroppedInTime(t *testing.T) {
	s := start(t, tight, func(a *App) { a.Limits.Write = 200 * time.Millisecond })
	s.listen(0, 32<<10)
	left := make(chan Departure, 1)
	s.Left.Once(s.owner, func(d Departure) { left <- d })
	for {
		select {
		case d := <-left:
			assert.Equal(t, Slow, d.Why)
			return
		default:
			s.posted.Fire(long)
		}
	}
}
