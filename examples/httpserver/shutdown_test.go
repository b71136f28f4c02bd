package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

func TestShutdownEndsStreamsAtOnceAndLetsRequestsFinish(t *testing.T) {
	s := start(t, tight)
	deaf, ann := s.listen(0, 32<<10), s.listen(0, 0)
	for i := range uint64(flood) { // the write to deaf is stuck from some point on
		s.posted.Fire(long)
		ann.hears(message(i+1, long))
	}
	// A request in the middle of its body, and one that waits.
	body, more := io.Pipe()
	answered := make(chan int)
	go func() {
		status, _ := s.do(http.MethodPost, "/messages", body)
		answered <- status
	}()
	_, err := io.WriteString(more, "to be ")
	require.NoError(t, err)
	for s.requests.Stats().Owners == 1 {
		runtime.Gosched()
	}
	waiting := make(chan int)
	go func() {
		status, _ := s.do(http.MethodGet, "/next", nil)
		waiting <- status
	}()
	for s.said.Len() == 1 {
		runtime.Gosched()
	}

	s.signals <- os.Interrupt
	ann.hears(event{name: "bye", data: string(Closing)})
	ann.ends()
	assert.Equal(t, http.StatusServiceUnavailable, <-waiting)
	select {
	case <-s.ended:
		assert.Fail(t, "it did not wait for the request")
	default:
	}
	_, err = io.WriteString(more, "continued")
	require.NoError(t, err)
	more.Close()
	assert.Equal(t, http.StatusAccepted, <-answered)
	s.wait()
	assert.NoError(t, s.err)
	deaf.vanish()
}

// What a stream was given before the end, and what was accepted before the end, is sent
// before it closes: here to a client that reads nothing until the server is at its end.
func TestAStreamSendsItsLastEventsBeforeItCloses(t *testing.T) {
	s := start(t, func(a *App) { a.Limits.Goodbye, a.Limits.Buffer = patience, 32<<10 })
	late := s.listen(0, 32<<10)
	for range flood {
		s.posted.Fire(long)
	}
	s.signals <- os.Interrupt
	select {
	case <-s.streams.Context().Done():
	case <-time.After(patience):
		require.Fail(t, "the streams do not end")
	}
	for i := range uint64(flood) {
		late.hears(message(i+1, long))
	}
	late.hears(event{name: "bye", data: string(Closing)})
	late.ends()
	s.wait()
	assert.NoError(t, s.err)
}

// One that does not read even then is not waited for longer than it takes to say goodbye.
func TestAStreamThatIsNotReadEndsInTime(t *testing.T) {
	s := start(t, func(a *App) { a.Limits.Goodbye, a.Limits.Buffer = 50*time.Millisecond, 32<<10 })
	s.listen(0, 32<<10)
	for range flood {
		s.posted.Fire(long)
	}
	departure := s.departure()
	begin := time.Now()
	s.signals <- os.Interrupt
	assert.Equal(t, Closing, departure())
	s.wait()
	assert.NoError(t, s.err)
	assert.Less(t, time.Since(begin), patience/2, "the client's end was waited for")
}

// What was accepted is said before the streams end, though it waits for its number.
func TestAMessageThatWasAcceptedBeforeTheEndIsSent(t *testing.T) {
	s := start(t)
	ann := s.listen(0, 0)
	s.said.Connect(s.owner, func(m Message) {
		if m.ID > 1 {
			return
		}
		for conn, err := net.Dial("tcp", s.addr); err == nil; conn, err = net.Dial("tcp", s.addr) {
			conn.Close()
		}
		select { // nobody comes in any more, and "2" waits: do the streams?
		case <-s.streams.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	}, tether.Priority(1))
	s.post("1")
	s.post("2")
	s.signals <- os.Interrupt
	ann.hears(message(1, "1"), message(2, "2"), event{name: "bye", data: string(Closing)})
	ann.ends()
	s.wait()
	assert.NoError(t, s.err)
}

func TestARequestThatDoesNotFinishIsCutOffAfterTheGrace(t *testing.T) {
	s := start(t, func(a *App) { a.Grace = 10 * time.Millisecond })
	conn, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nto be ")
	require.NoError(t, err)
	for s.requests.Stats().Owners == 1 {
		runtime.Gosched()
	}
	s.signals <- os.Interrupt
	s.wait()
	assert.ErrorIs(t, s.err, context.DeadlineExceeded)
	assert.NotErrorIs(t, s.err, tether.ErrPending)
}

// net/http alone would wait five seconds for it.
func TestAConnectionWithoutARequestDoesNotHoldBackTheShutdown(t *testing.T) {
	s := start(t, func(a *App) { a.Grace = 3 * time.Second })
	for range 5 {
		conn, err := net.Dial("tcp", s.addr)
		require.NoError(t, err)
		defer conn.Close()
	}
	s.post("hi") // it comes after them, so they have been accepted
	s.signals <- os.Interrupt
	s.wait()
	assert.NoError(t, s.err)
}

// The handler that net/http runs is nobody's goroutine. The request's owner waits
// for it nevertheless: its cleanups run when it has returned.
func TestShutdownWaitsForAHandlerThatIsSlowToReturn(t *testing.T) {
	s := start(t)
	var order []string
	in := make(chan struct{})
	slow := s.owned(s.requests, func(owner *tether.Owner, _ http.ResponseWriter, r *http.Request) {
		owner.Defer(func() { order = append(order, "cleanup") })
		close(in)
		<-r.Context().Done()
		for range 1000 {
			runtime.Gosched()
		}
		order = append(order, "served")
	})
	served := make(chan struct{})
	go func() {
		defer close(served)
		req, err := http.NewRequest(http.MethodGet, "/", nil)
		if assert.NoError(t, err) {
			slow.ServeHTTP(nil, req)
		}
	}()
	<-in
	assert.NoError(t, s.requests.Destroy())
	assert.Equal(t, []string{"served", "cleanup"}, order)
	<-served
}
