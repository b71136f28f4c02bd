package tethernats_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethernats"
)

var messages = flag.Int("messages", 2000, "how many messages each process of the tests of crashes publishes")

// A ledger has what was published, handled and buried, by id.
type ledger struct {
	mu                         sync.Mutex
	published, handled, buried map[int]int
	more                       chan struct{}
}

func newLedger() *ledger {
	return &ledger{published: map[int]int{}, handled: map[int]int{}, buried: map[int]int{}, more: make(chan struct{}, 1)}
}

func (l *ledger) enter(book map[int]int, id int) {
	l.mu.Lock()
	book[id]++
	l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// balanced reports whether all that was published has been handled or buried.
func (l *ledger) balanced() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.published {
		if l.handled[id] == 0 && l.buried[id] == 0 {
			return false
		}
	}
	return true
}

func (l *ledger) duplicates() (n int) {
	for _, times := range l.handled {
		n += times - 1
	}
	return n
}

// wait returns when is holds true. Nothing else is decided by its deadline.
func (l *ledger) wait(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.After(10 * hang); !is(); {
		select {
		case <-l.more:
		case <-deadline:
			require.FailNow(t, "not all is handled")
		}
	}
}

// consumerRole handles messages and says so, with a pause between the side effect and the
// acknowledgement.
func consumerRole(app *tether.Owner, say func(...any)) error {
	c, err := tethernats.Connect(app, os.Getenv("URL"), tethernats.OnError(func(error) {}))
	if err != nil {
		return err
	}
	wait := time.Duration(variable("ACKWAIT")) * time.Millisecond
	opts := []tethernats.ConsumeOption{tethernats.AckWait(wait), tethernats.MaxDeliver(5, "dead"), tethernats.Backoff(time.Millisecond)}
	if n := variable("CONCURRENCY"); n > 0 {
		opts = append(opts, tethernats.Concurrency(n))
	}
	err = tethernats.Consume(app, c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		if m.Value.Item == "bad" {
			return errTest
		}
		say("handled", m.Value.ID, m.Delivered, m.Stored.UnixNano())
		time.Sleep(time.Duration(variable("PAUSE")) * time.Microsecond)
		return nil
	}, opts...)
	say("ready")
	return err
}

// publisherRole publishes, and says what is stored.
func publisherRole(app *tether.Owner, say func(...any)) error {
	c, err := tethernats.Connect(app, os.Getenv("URL"), tethernats.OnError(func(error) {}))
	if err != nil {
		return err
	}
	first, n := variable("FIRST"), variable("COUNT")
	say("ready")
	for id := first; id < first+n; id++ {
		v := order{ID: id}
		if id%100 == 99 {
			v.Item = "bad"
		}
		for tethernats.Send(app.Context(), c, "orders", v, tethernats.Stored()) != nil {
			if !app.Alive() {
				return nil
			}
		}
		say("stored", id)
	}
	say("finished", n)
	return nil
}

// follow enters what a process says, and returns when it is ready.
func (l *ledger) follow(p *process, others *sync.WaitGroup) {
	p.t.Helper()
	ready := make(chan struct{})
	others.Go(func() {
		for line := range p.lines {
			words := append(strings.Fields(line), "")
			id, _ := strconv.Atoi(words[1])
			switch words[0] {
			case "ready":
				close(ready)
			case "stored":
				l.enter(l.published, id)
			case "handled":
				l.enter(l.handled, id)
			case "failed":
				assert.Fail(p.t, line)
			}
		}
	})
	next(p.t, ready)
}

// bury follows the dead letters.
func (l *ledger) bury(s *setting) {
	s.t.Helper()
	require.NoError(s.t, tethernats.Consume(s.app, s.c, "DEAD", "undertaker", func(_ context.Context, m tethernats.Msg[order]) error {
		l.enter(l.buried, m.Value.ID)
		return nil
	}, tethernats.AckWait(time.Second)))
}

// The server, three handlers and two publishers are processes of their own. The server is
// killed and started again, twice, and a handler is killed twice and replaced, while messages
// flow, some of which always fail. Nothing that was stored is lost: each message was handled or
// became a dead letter.
func TestCrash_NothingStoredIsLost(t *testing.T) {
	for name, concurrency := range map[string]int{"in order": 0, "eight at a time": 8} {
		t.Run(name, func(t *testing.T) {
			r := startServer(t)
			s := connect(t, r.url)
			require.NoError(t, s.c.Stream(s.ctx, "ORDERS", "orders"))
			require.NoError(t, s.c.Stream(s.ctx, "DEAD", "dead"))
			l := newLedger()
			var followers sync.WaitGroup
			n := *messages / 2
			if concurrency == 0 {
				n /= 4
			}
			handler := func() *process {
				p := start(t, "consumer", "URL="+r.url, "ACKWAIT=1000", "PAUSE=50", fmt.Sprintf("CONCURRENCY=%d", concurrency))
				l.follow(p, &followers)
				return p
			}
			handlers := []*process{handler(), handler(), handler()}
			var publishers []*process
			for i := range 2 {
				p := start(t, "publisher", "URL="+r.url, fmt.Sprintf("FIRST=%d", i*n), fmt.Sprintf("COUNT=%d", n))
				l.follow(p, &followers)
				publishers = append(publishers, p)
			}
			l.bury(s)
			count := func(book map[int]int) int {
				l.mu.Lock()
				defer l.mu.Unlock()
				return len(book)
			}
			for i, at := range []int{n / 3, 2 * n / 3, n, 3 * n / 2} {
				l.wait(t, func() bool { return count(l.published) >= at })
				if i%2 == 0 {
					r.kill()
					r.start()
				} else {
					l.wait(t, func() bool { return count(l.handled) >= at/2 })
					handlers[i/2].kill()
					handlers[i/2] = handler()
				}
			}
			l.wait(t, func() bool { return count(l.published) == 2*n })
			l.wait(t, l.balanced)
			s.settled("ORDERS", "stock")
			for _, p := range append(publishers, handlers...) {
				require.NoError(t, p.stdin.Close())
				next(t, p.done)
				assert.Zero(t, p.cmd.ProcessState.ExitCode())
			}
			followers.Wait()
			require.NoError(t, s.c.Drain(s.ctx))
			for id := range l.published {
				bad := id%100 == 99
				assert.Equal(t, bad, l.buried[id] > 0, "%d", id)
				assert.Equal(t, bad, l.handled[id] == 0, "%d", id)
			}
			t.Logf("%d published = %d handled + %d dead letters; %d handled more than once",
				len(l.published), len(l.handled), len(l.buried), l.duplicates())
			r.end()
		})
	}
}

// A killed process had some messages. They are delivered to another when AckWait is over, and
// not before.
func TestCrash_AKilledHandlersMessagesComeToAnotherAfterAckWait(t *testing.T) {
	const ackWait = 400 * time.Millisecond
	r := startServer(t)
	s := connect(t, r.url)
	const all = 20
	s.stream("ORDERS", "orders", all)
	require.NoError(t, s.c.Stream(s.ctx, "DEAD", "dead"))
	first := start(t, "consumer", "URL="+r.url, "ACKWAIT=400", "PAUSE=100000000", "CONCURRENCY=4")
	for range 4 {
		first.word("handled")
	}
	before := time.Now()
	first.kill() // it may just have told the server that it is at work
	got := make(chan tethernats.Msg[order], all)
	at := make(chan time.Time, all)
	require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		got <- m
		at <- time.Now()
		return nil
	}, tethernats.AckWait(ackWait), tethernats.Concurrency(1)))
	for range all {
		m, when := next(t, got), next(t, at)
		assert.Equal(t, 2, m.Delivered)
		// The last word of the killed one was at most a third of AckWait before.
		assert.Greater(t, when.Sub(before), ackWait/2)
	}
	s.quiet()
}

// While there is no server, what is published waits in the buffer of the connection, which is
// bounded: more is refused, and counted. What was accepted is sent when the server is back, and
// subscriptions come back with it.
func TestReconnect_BufferedPublishesAreBoundedAndCounted(t *testing.T) {
	r := startServer(t)
	s := connect(t, r.url, tethernats.Options(nats.ReconnectBufSize(4096), nats.ReconnectWait(20*time.Millisecond)))
	src, err := tethernats.Subscribe[order](s.app, s.c, "orders")
	require.NoError(t, err)
	got := make(chan int, 10_000)
	src.Connect(s.app, func(m tethernats.Msg[order]) { got <- m.Value.ID })
	r.kill()
	s.errs.wait(t, func(err error) bool { return strings.Contains(err.Error(), "lost") })
	accepted := 0
	for id := 1; ; id++ {
		if err = tethernats.Send(s.ctx, s.c, "orders", order{ID: id}); err != nil {
			break
		}
		accepted++
		require.Less(t, accepted, 10_000)
	}
	require.ErrorIs(t, err, nats.ErrReconnectBufExceeded)
	stats := s.c.Stats()
	assert.EqualValues(t, accepted, stats.Published)
	assert.EqualValues(t, 1, stats.Refused)
	assert.NotZero(t, stats.Buffered)
	r.start()
	for id := 1; id <= accepted; id++ {
		require.Equal(t, id, next(t, got))
	}
	assert.EqualValues(t, 1, s.c.Stats().Reconnects)
}

// With Stored, Send waits for the server to come back.
func TestReconnect_StoredWaitsForTheServer(t *testing.T) {
	r := startServer(t)
	s := connect(t, r.url, tethernats.Options(nats.ReconnectWait(20*time.Millisecond)))
	s.stream("ORDERS", "orders", 1)
	r.kill()
	s.errs.wait(t, func(err error) bool { return strings.Contains(err.Error(), "lost") })
	ctx, cancel := context.WithCancelCause(s.ctx)
	cancel(errTest)
	require.ErrorIs(t, tethernats.Send(ctx, s.c, "orders", order{}, tethernats.Stored()), errTest)
	sent := make(chan error)
	go func() { sent <- tethernats.Send(s.ctx, s.c, "orders", order{ID: 2}, tethernats.Stored()) }()
	r.start()
	require.NoError(t, next(t, sent))
	stream, err := s.c.JetStream().Stream(s.ctx, "ORDERS")
	require.NoError(t, err)
	assert.EqualValues(t, 2, stream.CachedInfo().State.Msgs)
}

func TestEmbed_ADirectoryHasOneServer(t *testing.T) {
	s := newSetting(t)
	dir := t.TempDir()
	one := s.app.NewChild("one")
	c, err := tethernats.Embed(one, dir)
	require.NoError(t, err)
	require.NoError(t, c.Stream(s.ctx, "ORDERS", "orders"))
	require.NoError(t, tethernats.Send(s.ctx, c, "orders", order{ID: 1}, tethernats.Stored()))
	_, err = tethernats.Embed(s.app, dir)
	require.ErrorContains(t, err, "another server has the directory")
	require.NoError(t, one.Destroy())
	c, err = tethernats.Embed(s.app, dir)
	require.NoError(t, err)
	stream, err := c.JetStream().Stream(s.ctx, "ORDERS")
	require.NoError(t, err)
	assert.EqualValues(t, 1, stream.CachedInfo().State.Msgs, "what the first one has stored")
}
