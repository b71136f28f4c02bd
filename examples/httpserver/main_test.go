package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what must happen; no test passes by its running out.
const patience = time.Minute

// A site is a server under test, whose beats and signals are the test's.
type site struct {
	*Server
	t       *testing.T
	app     *App
	beats   *tether.Signal[tether.Tick]
	signals chan os.Signal
	configs chan Config // that are loaded, one after the other
	ended   chan struct{}
	err     error
}

func start(t *testing.T, adapt ...func(*App)) *site {
	s := &site{
		t: t, beats: new(tether.Signal[tether.Tick]), signals: make(chan os.Signal), ended: make(chan struct{}),
		configs: make(chan Config, 3),
	}
	s.configs <- Config{Greeting: "hello", Longest: 4 << 10}
	s.app = &App{
		Addr: "127.0.0.1:0", Grace: patience, Signals: s.signals, beat: s.beats, Log: log.New(io.Discard, "", 0),
		Load: func() (Config, error) {
			c := <-s.configs
			if c.Greeting == "" {
				return c, errors.New("it is broken")
			}
			return c, nil
		},
		Limits: Limits{
			Pending: 1000, Recent: 8, Text: 64 << 10, Buffer: 64 << 10, Write: time.Hour, Goodbye: time.Second,
		},
	}
	for _, f := range adapt {
		f(s.app)
	}
	ready := make(chan struct{})
	go func() {
		defer close(s.ended)
		s.err = s.app.Run(context.Background(), func(server *Server) {
			s.Server = server
			close(ready)
		})
	}()
	select {
	case <-ready:
	case <-s.ended:
		require.NoError(t, s.err)
	}
	t.Cleanup(s.close)
	return s
}

// close shuts the server down, and wants nothing to be left of it.
func (s *site) close() {
	select {
	case s.signals <- os.Interrupt:
	case <-s.ended:
	}
	s.wait()
	assert.Zero(s.t, s.owner.Stats())
	_, err := net.Dial("tcp", s.addr)
	assert.Error(s.t, err, "it still listens")
}

func (s *site) wait() {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		require.Fail(s.t, "the server does not end")
	}
}

// A guest is a client under the test's command.
type guest struct {
	*client
	t *testing.T
}

// listen returns when the guest is in, which the configuration is the sign of. missed
// is what it hears before: messages after last.
func (s *site) listen(last uint64, room int, missed ...event) *guest {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.t.Cleanup(cancel)
	c, err := listen(ctx, s.addr, last, room)
	require.NoError(s.t, err)
	s.t.Cleanup(c.leave)
	g := &guest{c, s.t}
	g.hears(missed...)
	g.hears(event{name: "config", data: "hello"})
	return g
}

func (g *guest) hears(events ...event) {
	g.t.Helper()
	for _, want := range events {
		got, err := g.read()
		require.NoError(g.t, err)
		require.Equal(g.t, want, got)
	}
}

func (g *guest) ends() {
	g.t.Helper()
	_, err := g.read()
	require.ErrorIs(g.t, err, io.EOF)
}

func message(id uint64, text string) event { return event{id: id, data: text} }

func (s *site) do(method, path string, body io.Reader) (int, string) {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	req, err := http.NewRequest(method, "http://"+s.addr+path, body)
	require.NoError(s.t, err)
	res, err := client.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return res.StatusCode, strings.TrimSpace(string(b))
}

func (s *site) post(text string) {
	s.t.Helper()
	status, _ := s.do(http.MethodPost, "/messages", strings.NewReader(text))
	require.Equal(s.t, http.StatusAccepted, status)
}

// keeps waits until n messages are kept: they are numbered after the answer to who posts.
func (s *site) keeps(n int) {
	for s.recent.Len() != n {
		runtime.Gosched()
	}
}

// departure returns a function that waits for the next stream's end.
func (s *site) departure() func() Reason {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.t.Cleanup(cancel)
	left := make(chan Departure, 1)
	s.Left.Once(s.owner, func(d Departure) { left <- d })
	return func() Reason {
		s.t.Helper()
		select {
		case d := <-left:
			return d.Why
		case <-ctx.Done():
			require.Fail(s.t, "no stream has ended")
			return ""
		}
	}
}

func TestAllStreamsHearAllMessagesInOneOrder(t *testing.T) {
	s := start(t)
	ann, bob := s.listen(0, 0), s.listen(0, 0)
	var posting sync.WaitGroup
	for i := range 4 {
		posting.Go(func() {
			for j := range 10 {
				s.post(fmt.Sprintf("%d of %d\nin two lines", j, i))
			}
		})
	}
	seen := make(map[string]bool)
	for id := range uint64(40) {
		e, err := ann.read()
		require.NoError(t, err)
		require.Equal(t, id+1, e.id)
		bob.hears(e)
		seen[e.data] = true
	}
	posting.Wait()
	assert.Len(t, seen, 40)
	assert.True(t, seen["9 of 3\nin two lines"])
}

func TestWhoComesBackGetsWhatItHasMissed(t *testing.T) {
	s := start(t)
	ann := s.listen(0, 0)
	for i := range 4 {
		s.post(fmt.Sprint(i + 1))
	}
	ann.hears(message(1, "1"), message(2, "2"))
	ann.leave()
	s.keeps(4)
	ann = s.listen(2, 0, message(3, "3"), message(4, "4"))
	s.post("5")
	ann.hears(message(5, "5"))
}

func TestAHeartbeatIsAComment(t *testing.T) {
	s := start(t)
	ann := s.listen(0, 0)
	for s.beats.Len() == 0 { // the last thing that a stream connects to
		runtime.Gosched()
	}
	s.beats.Fire(tether.Tick{})
	s.post("hi")
	ann.hears(event{comment: "still here"}, message(1, "hi"))
}

func TestASignalReadsTheConfigurationAgain(t *testing.T) {
	s := start(t)
	ann := s.listen(0, 0)
	s.configs <- Config{}
	s.signals <- hangup
	s.configs <- Config{Greeting: "hello again", Longest: 2}
	s.signals <- hangup
	ann.hears(event{name: "config", data: "hello again"})
	status, _ := s.do(http.MethodPost, "/messages", strings.NewReader("hi!"))
	assert.Equal(t, http.StatusRequestEntityTooLarge, status)
	s.post("hi")
	ann.hears(message(1, "hi"))
}

func TestNextWaitsForAMessage(t *testing.T) {
	s := start(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		status, body := s.do(http.MethodGet, "/next", nil)
		assert.Equal(t, http.StatusOK, status)
		assert.Contains(t, body, `"text":"hi"`)
	}()
	for s.said.Len() == 1 { // the ring; Wait is another
		runtime.Gosched()
	}
	s.post("hi")
	<-done
}

func TestWhoeverVanishesLeavesNothing(t *testing.T) {
	s := start(t)
	before := s.owner.Stats()
	for _, vanish := range []func(*guest){(*guest).vanish, (*guest).leave} {
		ann := s.listen(0, 0)
		departure := s.departure()
		vanish(ann)
		assert.Equal(t, Gone, departure())
	}
	require.Eventually(t, func() bool { return s.owner.Stats() == before }, patience, time.Millisecond)
}

func TestAConfigurationThatCantBeReadIsAnErrorAtTheStart(t *testing.T) {
	a := &App{Addr: "127.0.0.1:0", Load: loader("no such file")}
	assert.ErrorIs(t, a.Run(context.Background(), nil), os.ErrNotExist)
}

func TestTheDemoLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	var out strings.Builder
	var mu sync.Mutex
	roots, err := demo(writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return out.Write(p)
	}), 2)
	assert.True(t, report(&out, before, roots, err), out.String())
	assert.Contains(t, out.String(), "nothing left")
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
