package tethernats_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethernats"
	"github.com/seed-ec287111/tether/tethertest"
)

// hang is when a test that waits for something is taken to hang. It decides nothing else.
const hang = 60 * time.Second

func TestMain(m *testing.M) {
	if play := os.Getenv(roleVariable); play != "" {
		os.Exit(playRole(play))
	}
	goleak.VerifyTestMain(m)
}

type order struct {
	ID   int    `json:"id"`
	Item string `json:"item,omitempty"`
}

// an errorBook keeps what OnError is told.
type errorBook struct {
	mu   sync.Mutex
	errs []error
	more chan struct{}
}

func newErrorBook() *errorBook { return &errorBook{more: make(chan struct{}, 1)} }

func (b *errorBook) add(err error) {
	b.mu.Lock()
	b.errs = append(b.errs, err)
	b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default:
	}
}

func (b *errorBook) all() []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]error(nil), b.errs...)
}

// wait returns the first error that is holds true for.
func (b *errorBook) wait(t *testing.T, is func(error) bool) error {
	t.Helper()
	timeout := time.After(hang)
	for {
		for _, err := range b.all() {
			if is(err) {
				return err
			}
		}
		select {
		case <-b.more:
		case <-timeout:
			require.FailNow(t, "the error was not told", "%v", b.all())
		}
	}
}

// setting is an embedded server in memory, with an owner that ends with the test.
type setting struct {
	t    *testing.T
	app  *tether.Owner
	c    *tethernats.Conn
	errs *errorBook
	ctx  context.Context
	srv  *server.Server
}

func open(t *testing.T, opts ...tethernats.EmbedOption) *setting {
	t.Helper()
	s := newSetting(t)
	c, err := tethernats.Embed(s.app, "", append([]tethernats.EmbedOption{
		tethernats.OnError(s.errs.add), tethernats.EmbeddedServer(func(srv *server.Server) { s.srv = srv }),
	}, opts...)...)
	require.NoError(t, err)
	s.c = c
	return s
}

func newSetting(t *testing.T) *setting {
	t.Helper()
	tethertest.VerifyNone(t)
	s := &setting{t: t, app: tethertest.NewOwner(t), errs: newErrorBook()}
	ctx, cancel := context.WithTimeout(context.Background(), 10*hang)
	t.Cleanup(cancel)
	s.ctx = ctx
	return s
}

// quiet fails the test if OnError was told anything.
func (s *setting) quiet() {
	s.t.Helper()
	require.Empty(s.t, s.errs.all())
}

// stream makes a stream and stores n orders in it, with the ids 1 to n.
func (s *setting) stream(name, subject string, n int) {
	s.t.Helper()
	require.NoError(s.t, s.c.Stream(s.ctx, name, subject))
	for id := 1; id <= n; id++ {
		require.NoError(s.t, tethernats.Send(s.ctx, s.c, subject, order{ID: id}, tethernats.Stored()))
	}
}

// next returns the next value of ch.
func next[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(hang):
		require.FailNow(t, "nothing came")
		panic("not reached")
	}
}

// settled returns when the server has nothing in its books that is to be delivered, now or again.
func (s *setting) settled(stream, durable string) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * hang); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if pending, unacknowledged, _ := s.books(stream, durable); pending == 0 && unacknowledged == 0 {
			return
		}
	}
	require.FailNow(s.t, "not all is acknowledged")
}

// books returns what the server has in its books.
func (s *setting) books(stream, durable string) (pending, ackPending int, floor uint64) {
	s.t.Helper()
	cons, err := s.c.JetStream().Consumer(s.ctx, stream, durable)
	require.NoError(s.t, err)
	info, err := cons.Info(s.ctx)
	require.NoError(s.t, err)
	return int(info.NumPending), info.NumAckPending, info.AckFloor.Stream
}
