package tethernats_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/tethernats"
)

var carried = flag.Int("carried", 3000, "how many values each process of the test of the bridge publishes")

// peerRole is one of the processes that share a bus. When told to start it publishes values,
// counted from 1, to a topic of its own, and says what it has heard of all the topics.
func peerRole(app *tether.Owner, say func(...any)) error {
	name, count := os.Getenv("NAME"), variable("COUNT")
	c, err := tethernats.Connect(app, os.Getenv("URL"))
	if err != nil {
		return err
	}
	b := bus.New(app, "bus")
	last := map[string]int{} // the handler is called by two goroutines, that of the bridge and the publisher's
	q := tether.NewQueue(app, tether.Unbounded, tether.Block)
	bus.Matching[order](b, "game.*").Connect(app, func(m bus.Message[order]) {
		if m.Value.ID != last[m.Topic]+1 {
			say("disorder", m.Topic, m.Value.ID, "after", last[m.Topic])
		}
		last[m.Topic] = m.Value.ID
		if m.Value.ID == count {
			say("heard", m.Topic)
		}
	}, tether.On(q))
	opts := []tethernats.BridgeOption{tethernats.Carry[order](), tethernats.Carry[bool](), tethernats.Asks[price, priceOf]("prices")}
	if name == "a" {
		opts[2] = tethernats.Answers[price, priceOf]("prices")
		if _, err := bus.Reply(app, b, func(_ context.Context, q priceOf) (price, error) { return price{len(q.Item)}, nil }); err != nil {
			return err
		}
	}
	bus.Named[bool](b, "game.start").Connect(app, func(bool) {
		app.Go(func(ctx context.Context) {
			topic := bus.Named[order](b, "game."+name)
			for id := 1; id <= count; id++ {
				if err := topic.Publish(ctx, order{ID: id}); err != nil {
					say("failed", err)
					return
				}
			}
			for n := range 100 {
				p, err := bus.Ask[price](ctx, b, priceOf{strings.Repeat("x", n)})
				if err != nil || p.Cents != n {
					say("failed", "the price of", n, "is", p, err)
				}
			}
			say("asked")
		})
	})
	if err := tethernats.Bridge(app, b, c, "game.>", opts...); err != nil {
		return err
	}
	app.Defer(func() {
		for topic, n := range last {
			say("total", topic, n)
		}
	})
	say("ready")
	return nil
}

// One bus in three processes, and in this one, which only says when to start. Everybody hears
// everybody, in the order of each publisher, and nobody hears himself twice.
func TestBridge_OverThreeProcesses(t *testing.T) {
	s := open(t, tethernats.Listen("127.0.0.1", 0))
	names := []string{"a", "b", "c"}
	var peers []*process
	for _, name := range names {
		p := start(t, "peer", "URL="+s.c.URL(), "NAME="+name, fmt.Sprintf("COUNT=%d", *carried))
		require.Empty(t, p.line("ready"))
		peers = append(peers, p)
	}
	b := bus.New(s.app, "bus")
	require.NoError(t, tethernats.Bridge(s.app, b, s.c, "game.*", tethernats.Carry[bool]()))
	require.NoError(t, bus.Named[bool](b, "game.start").Publish(s.ctx, true))
	for _, p := range peers {
		heard := map[string]bool{}
		for asked := false; len(heard) < len(names) || !asked; {
			line := p.line("")
			if topic, ok := strings.CutPrefix(line, "heard "); ok {
				heard[topic] = true
			} else {
				require.Equal(t, "asked", line)
				asked = true
			}
		}
	}
	for _, p := range peers {
		said := p.end()
		for _, name := range names {
			assert.Contains(t, said, fmt.Sprintf("total game.%s %d", name, *carried))
		}
		assert.Len(t, said, len(names)+1, "each heard each value once")
	}
	s.quiet()
}

// line returns the rest of the next line, which must begin with first.
func (p *process) line(first string) string {
	p.t.Helper()
	line := next(p.t, p.lines)
	rest, ok := strings.CutPrefix(line, first)
	require.True(p.t, ok, "the process says %q in place of %q", line, first)
	return rest
}
