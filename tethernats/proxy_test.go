package tethernats_test

import (
	"context"
	"fmt"
	"io"
	"net"
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

// A proxy stands between a client and a server, and can cut the wire, or hold everything up.
type proxy struct {
	owner  *tether.Owner
	to     string
	url    string
	mu     sync.Mutex
	cond   *sync.Cond
	silent bool          // nothing passes
	deaf   bool          // nothing passes from the server to the client
	wires  *tether.Owner // nil while it refuses
	n      int
}

func newProxy(t *testing.T, s *setting, serverURL string) *proxy {
	t.Helper()
	p := &proxy{owner: s.app.NewChild("proxy"), to: strings.TrimPrefix(serverURL, "nats://")}
	p.cond = sync.NewCond(&p.mu)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tether.OwnBlocking(p.owner, l)
	p.owner.Interrupt(func() { p.hold(false); p.holdAnswers(false) })
	p.url = "nats://" + l.Addr().String()
	p.wires = p.owner.NewChild("wires")
	p.owner.Go(func(context.Context) {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.n++
			wire := p.wires.NewChild(fmt.Sprintf("wire %d", p.n))
			p.mu.Unlock()
			tether.OwnBlocking(wire, in)
			out, err := net.Dial("tcp", p.to)
			if err != nil {
				wire.Cancel(err)
				continue
			}
			tether.OwnBlocking(wire, out)
			for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
				wire.Go(func(context.Context) {
					_, _ = io.Copy(pair[1], &gate{p, pair[0], pair[0] == out})
					wire.Cancel(nil)
				})
			}
		}
	})
	return p
}

// A gate lets nothing through while its proxy holds.
type gate struct {
	p       *proxy
	in      net.Conn
	answers bool // of the server
}

func (g *gate) Read(b []byte) (int, error) {
	n, err := g.in.Read(b)
	g.p.mu.Lock()
	defer g.p.mu.Unlock()
	for g.p.silent || g.p.deaf && g.answers {
		g.p.cond.Wait()
	}
	return n, err
}

func (p *proxy) hold(silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = silent
	p.cond.Broadcast()
}

func (p *proxy) holdAnswers(deaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = deaf
	p.cond.Broadcast()
}

// cut cuts all wires. New ones are let through.
func (p *proxy) cut() {
	p.mu.Lock()
	old := p.wires
	p.wires = p.owner.NewChild("wires")
	p.mu.Unlock()
	old.Destroy()
}

// The wire between a process and the server is cut again and again, in both directions, while
// it publishes and handles. Nothing that was stored is lost. What was in work, or whose
// acknowledgement was lost, comes twice, and that is counted.
func TestCut_NothingStoredIsLost(t *testing.T) {
	for name, opts := range map[string][]tethernats.ConsumeOption{
		"in order": nil, "eight at a time": {tethernats.Concurrency(8)},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, tethernats.Listen("127.0.0.1", 0))
			require.NoError(t, s.c.Stream(s.ctx, "ORDERS", "orders"))
			p := newProxy(t, s, s.c.URL())
			client := s.app.NewChild("client")
			c, err := tethernats.Connect(client, p.url, tethernats.OnError(func(error) {}),
				tethernats.Options(nats.ReconnectWait(5*time.Millisecond), nats.ReconnectJitter(0, 0)))
			require.NoError(t, err)
			const all, cuts = 1000, 5
			l := newLedger()
			require.NoError(t, tethernats.Consume(client, c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
				l.enter(l.handled, m.Value.ID)
				return nil
			}, append(opts, tethernats.AckWait(300*time.Millisecond))...))
			client.Go(func(ctx context.Context) {
				for id := 1; id <= all && ctx.Err() == nil; id++ {
					if tethernats.Send(ctx, c, "orders", order{ID: id}, tethernats.Stored()) == nil {
						l.enter(l.published, id)
					} else {
						id--
					}
				}
			})
			count := func(book map[int]int) int {
				l.mu.Lock()
				defer l.mu.Unlock()
				return len(book)
			}
			for i := range cuts {
				l.wait(t, func() bool { return count(l.published) >= all*i/cuts && count(l.handled) >= all*i/cuts/2 })
				p.cut()
			}
			l.wait(t, func() bool { return count(l.published) == all })
			l.wait(t, l.balanced)
			s.settled("ORDERS", "stock")
			require.NoError(t, client.Destroy())
			_, _, floor := s.books("ORDERS", "stock")
			stream, err := s.c.JetStream().Stream(s.ctx, "ORDERS")
			require.NoError(t, err)
			assert.EqualValues(t, all, stream.CachedInfo().State.Msgs, "the stream knows what it has, though it was sent twice")
			assert.EqualValues(t, all, floor)
			assert.GreaterOrEqual(t, c.Stats().Acknowledged, uint64(all))
			t.Logf("%d published = %d handled; %d of them more than once, after %d cuts", all, len(l.handled), l.duplicates(), cuts)
		})
	}
}

// A peer that has gone without a word is found out by nats.go, which sends pings. Until then
// nothing fails: what is published waits in the system's buffers.
func TestCut_APeerThatIsSilentIsFoundOut(t *testing.T) {
	s := open(t, tethernats.Listen("127.0.0.1", 0))
	p := newProxy(t, s, s.c.URL())
	client := s.app.NewChild("client")
	errs := newErrorBook()
	c, err := tethernats.Connect(client, p.url, tethernats.OnError(errs.add), tethernats.Options(
		nats.PingInterval(20*time.Millisecond), nats.MaxPingsOutstanding(2), nats.ReconnectWait(5*time.Millisecond)))
	require.NoError(t, err)
	src, err := tethernats.Subscribe[order](client, c, "orders")
	require.NoError(t, err)
	got := make(chan int, 1)
	src.Connect(client, func(m tethernats.Msg[order]) {
		select {
		case got <- m.Value.ID:
		default:
		}
	})
	p.hold(true)
	errs.wait(t, func(err error) bool { return strings.Contains(err.Error(), "stale") })
	p.hold(false)
	p.cut()
	for id := 0; ; id++ {
		require.NoError(t, tethernats.Send(s.ctx, s.c, "orders", order{ID: id}))
		select {
		case <-got:
			assert.NotZero(t, c.Stats().Reconnects)
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Destroy with a wire that is dead, but not cut, waits for the server for a bounded time.
func TestCut_DestroyOnASilentWireEnds(t *testing.T) {
	s := open(t, tethernats.Listen("127.0.0.1", 0))
	s.stream("ORDERS", "orders", 20)
	p := newProxy(t, s, s.c.URL())
	client := s.app.NewChild("client")
	errs := newErrorBook()
	c, err := tethernats.Connect(client, p.url, tethernats.OnError(errs.add))
	require.NoError(t, err)
	begun := make(chan struct{}, 20)
	o := client.NewChild("consumer")
	require.NoError(t, tethernats.Consume(o, c, "ORDERS", "stock", func(context.Context, tethernats.Msg[order]) error {
		begun <- struct{}{}
		return nil
	}))
	for range 20 {
		next(t, begun)
	}
	p.hold(true)
	ended := make(chan error)
	go func() { ended <- o.Destroy() }()
	require.NoError(t, next(t, ended))
	errs.wait(t, func(err error) bool { return strings.Contains(err.Error(), "not confirmed") })
	p.hold(false)
}

// If the answer is lost, nobody knows whether the value was stored. It is sent again, and the
// stream knows it.
func TestCut_WhatIsStoredTwiceIsThereOnce(t *testing.T) {
	s := open(t, tethernats.Listen("127.0.0.1", 0))
	s.stream("ORDERS", "orders", 0)
	p := newProxy(t, s, s.c.URL())
	c, err := tethernats.Connect(s.app.NewChild("client"), p.url, tethernats.OnError(func(error) {}),
		tethernats.Options(nats.ReconnectWait(5*time.Millisecond)))
	require.NoError(t, err)
	stored := func() uint64 {
		stream, err := s.c.JetStream().Stream(s.ctx, "ORDERS")
		require.NoError(t, err)
		return stream.CachedInfo().State.Msgs
	}
	p.holdAnswers(true)
	sent := make(chan error, 1)
	go func() { sent <- tethernats.Send(s.ctx, c, "orders", order{ID: 1}, tethernats.Stored()) }()
	for stored() == 0 {
		time.Sleep(time.Millisecond)
	}
	p.mu.Lock()
	old := p.wires
	p.wires = p.owner.NewChild("wires")
	p.mu.Unlock()
	old.Cancel(nil) // its answers are held, and with them its goroutines
	for c.NATS().IsConnected() {
		time.Sleep(time.Millisecond)
	}
	p.holdAnswers(false)
	require.NoError(t, next(t, sent))
	assert.EqualValues(t, 1, stored())
}
