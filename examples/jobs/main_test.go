package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
	"github.com/seed-ec287111/tether/tethertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what must happen; no test passes by its running out.
const patience = time.Minute

var errClosing = errors.New("the server closes")

// A site is a server under test.
type site struct {
	t    *testing.T
	app  *tether.Owner
	url  string
	end  func() // begins the server's end
	done chan error
	http *http.Client
}

func start(t *testing.T, pace, grace time.Duration) *site {
	tethertest.VerifyNone(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &site{t: t, end: func() { cancel(errClosing) }, done: make(chan error, 1), http: &http.Client{Transport: new(http.Transport)}}
	ready := make(chan struct{})
	go func() {
		s.done <- Serve(ctx, "127.0.0.1:0", pace, grace, func(app *tether.Owner, addr string) {
			s.app, s.url = app, "http://"+addr
			close(ready)
		})
	}()
	t.Cleanup(func() {
		s.end()
		s.http.CloseIdleConnections()
	})
	select {
	case <-ready:
	case err := <-s.done:
		require.NoError(t, err)
	}
	return s
}

// wait waits for the server's end, and wants nothing to be left of it.
func (s *site) wait() {
	s.t.Helper()
	select {
	case err := <-s.done:
		require.NoError(s.t, err)
	case <-time.After(patience):
		require.Fail(s.t, "it does not end")
	}
	assert.Zero(s.t, s.app.Stats())
}

func (s *site) do(method, path string) int {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, nil)
	require.NoError(s.t, err)
	res, err := s.http.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body) // so that the connection is used again
	require.NoError(s.t, err)
	return res.StatusCode
}

// A stream is a client's.
type stream struct {
	t    *testing.T
	body io.ReadCloser
	in   *bufio.Scanner
	lost int // as it was told
}

// listen returns when the client hears what happens from now on.
func (s *site) listen() *stream {
	s.t.Helper()
	res, err := s.http.Get(s.url + "/events")
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, res.StatusCode)
	s.t.Cleanup(func() { res.Body.Close() })
	return &stream{t: s.t, body: res.Body, in: bufio.NewScanner(res.Body)}
}

// next returns the next event, nil at the end. What the client has lost is counted.
func (s *stream) next() *Event {
	lost := false
	for s.in.Scan() {
		lost = lost || s.in.Text() == "event: lost"
		data, ok := strings.CutPrefix(s.in.Text(), "data: ")
		switch {
		case !ok:
		case lost:
			n, err := strconv.Atoi(data)
			assert.NoError(s.t, err)
			s.lost, lost = s.lost+n, false
		default:
			e := new(Event)
			assert.NoError(s.t, json.Unmarshal([]byte(data), e))
			return e
		}
	}
	assert.NoError(s.t, s.in.Err(), "the stream was cut off")
	return nil
}

// until returns the events up to the first like that, or to the end of the stream.
func (s *stream) until(what string, job int) (all []Event) {
	for e := s.next(); e != nil; e = s.next() {
		all = append(all, *e)
		if e.What == what && e.Job == job {
			return all
		}
	}
	assert.Empty(s.t, what, "the stream has ended")
	return all
}

// hears reads until n events are accounted for, as heard or as lost.
func (s *stream) hears(n int) {
	for heard := 0; heard+s.lost < n; heard++ {
		if !assert.NotEmpty(s.t, s.next()) {
			return
		}
	}
}

func TestAJobSaysHowItGoes(t *testing.T) {
	s := start(t, time.Millisecond, patience)
	ann := s.listen()
	require.Equal(t, http.StatusOK, s.do("POST", "/jobs?steps=2"))
	want := []Event{{1, 0, "running", ""}, {1, 1, "running", ""}, {1, 2, "done", ""}}
	assert.Equal(t, want, ann.until("done", 1))
	assert.Equal(t, want, s.listen().until("done", 1), "for who comes later")
	assert.Equal(t, http.StatusBadRequest, s.do("POST", "/jobs?steps=many"))
	assert.Equal(t, http.StatusBadRequest, s.do("PUT", "/pace?step=fast"))
	s.end()
	assert.Empty(t, ann.until("", 0))
	s.wait()
}

func TestACancelledJobHasALastWord(t *testing.T) {
	s := start(t, time.Hour, time.Millisecond)
	ann := s.listen()
	s.do("POST", "/jobs?steps=2")
	ann.until("running", 1)
	assert.Equal(t, http.StatusOK, s.do("DELETE", "/jobs/1"))
	assert.Equal(t, []Event{{1, 0, "cancelled", "a client wants it"}}, ann.until("cancelled", 1))
	assert.Equal(t, http.StatusNotFound, s.do("DELETE", "/jobs/2"))
	s.end()
	s.wait()
}

func TestReload(t *testing.T) {
	s := start(t, time.Hour, time.Millisecond)
	ann := s.listen()
	require.Equal(t, http.StatusOK, s.do("PUT", "/pace?step=1ns"))
	s.do("POST", "/jobs?steps=2")
	ann.until("done", 1)
	s.end()
	s.wait()
}

func TestReloadIsForThoseThatRunToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tethertest.NewOwner(t)
		s := &Server{pace: state.NewValue(app, time.Second), events: tether.NewSignal[Event](app)}
		app.AfterFunc(1500*time.Millisecond, func() { s.pace.Set(time.Minute) })
		begin := time.Now()
		assert.Equal(t, Event{1, 4, "done", ""}, s.run(t.Context(), 1, 4))
		assert.Equal(t, 2*time.Second+2*time.Minute, time.Since(begin))
	})
}

// A client that does not read holds up nobody, and is told what it has lost.
func TestASlowClientIsToldWhatItHasLost(t *testing.T) {
	const jobs, steps = 50, 400 // more events than all buffers hold
	s := start(t, time.Nanosecond, time.Millisecond)
	slow, ann := s.listen(), s.listen()
	for range jobs {
		s.do("POST", fmt.Sprint("/jobs?steps=", steps))
	}
	ann.hears(jobs * (steps + 1))
	slow.hears(jobs * (steps + 1))
	assert.Positive(t, slow.lost)
	s.end()
	s.wait()
}

// That is what the stages are for: the jobs are stopped when the streams still stream.
func TestAllStreamsHearTheLastWordOfAllJobs(t *testing.T) {
	const jobs, streams = 50, 5
	s := start(t, time.Hour, time.Millisecond)
	var all [streams]*stream
	for i := range all {
		all[i] = s.listen()
	}
	for range jobs {
		require.Equal(t, http.StatusOK, s.do("POST", "/jobs?steps=2"))
	}
	s.end()
	var listening sync.WaitGroup
	for _, client := range all {
		listening.Go(func() {
			last := make(map[int]Event)
			for _, e := range client.until("", 0) {
				last[e.Job] = e
			}
			assert.Len(t, last, jobs)
			for id, e := range last {
				assert.Equal(t, Event{id, 0, "cancelled", errClosing.Error()}, e)
			}
		})
	}
	listening.Wait()
	s.wait()
}

func TestJobsMayFinishInTheGraceTimeAndNoneBeginsThen(t *testing.T) {
	s := start(t, time.Millisecond, patience)
	ann := s.listen()
	s.do("PUT", "/pace?step=1h")
	s.do("POST", "/jobs?steps=1")
	ann.until("running", 1)
	s.end()
	addr := strings.TrimPrefix(s.url, "http://")
	for { // until nobody comes in any more; by a connection from before one is refused
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		conn.Close()
		runtime.Gosched()
	}
	assert.Equal(t, http.StatusServiceUnavailable, s.do("POST", "/jobs?steps=1"))
	select {
	case err := <-s.done:
		assert.Fail(t, "it did not wait for the job", "%v", err)
	default:
	}
	require.Equal(t, http.StatusOK, s.do("DELETE", "/jobs/1"))
	assert.Equal(t, []Event{{1, 0, "cancelled", "a client wants it"}}, ann.until("", 0))
	s.wait()
}

func TestAClientThatVanishesLeavesNothing(t *testing.T) {
	s := start(t, time.Millisecond, patience)
	before := s.app.Stats()
	ann := s.listen()
	for s.app.Stats() == before {
		runtime.Gosched()
	}
	ann.body.Close()
	for end := time.Now().Add(patience); s.app.Stats() != before; {
		require.True(t, time.Now().Before(end), "%+v", s.app.Stats())
		runtime.Gosched()
	}
	s.end()
	s.wait()
}

func TestNoPortIsAnError(t *testing.T) {
	tethertest.VerifyNone(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	err = Serve(t.Context(), ln.Addr().String(), time.Second, time.Second, nil)
	assert.ErrorContains(t, err, "in use")
}

func TestTheDemoEnds(t *testing.T) {
	tethertest.VerifyNone(t)
	defer http.DefaultClient.CloseIdleConnections()
	ctx, cancel := context.WithCancelCause(t.Context())
	var out strings.Builder
	err := Serve(ctx, "127.0.0.1:0", time.Millisecond, 10*time.Millisecond, func(app *tether.Owner, addr string) {
		app.Go(func(context.Context) { visit("http://"+addr, &out, func() { cancel(errClosing) }) })
	})
	require.NoError(t, err)
	for id, what := range []string{"(done|cancelled)", "cancelled", "(done|cancelled)"} {
		assert.Regexp(t, fmt.Sprintf(`"Job":%d,"Step":\d+,"What":"%s"`, id+1, what), out.String())
	}
}
