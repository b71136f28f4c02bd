package tetherwatermill_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tetherwatermill"
)

// patience is for what must happen; no test passes by its running out.
const patience = 20 * time.Second

// noTraces wants all goroutines that the test has made to be gone at its end. A subscriber
// of Redis sleeps for half a second after its connection has closed, longer than goleak waits.
func noTraces(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		deadline := time.Now().Add(patience)
		err := goleak.Find(before)
		for err != nil && time.Now().Before(deadline) {
			err = goleak.Find(before)
		}
		require.NoError(t, err)
	})
}

// A tally counts what was handled.
type tally struct {
	mu      sync.Mutex // guards the field below
	handled map[int]int
}

func newTally() *tally { return &tally{handled: make(map[int]int)} }

func (s *tally) add(id int) (times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handled[id]++
	return s.handled[id]
}

// count returns how many orders were handled, and how many of these more than once.
func (s *tally) count() (all, again int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, times := range s.handled {
		all++
		if times > 1 {
			again++
		}
	}
	return all, again
}

func TestGochannel_WhatIsPublishedIsHandledAndWhatFailsComesAgain(t *testing.T) {
	noTraces(t)
	app := tether.NewOwner("app")
	pubsub := tether.Own(app, gochannel.NewGoChannel(gochannel.Config{}, nil))
	var placed tether.Signal[order]
	done := make(chan struct{})
	sum := newTally()
	require.NoError(t, tetherwatermill.Subscribe(app, pubsub, "orders", tetherwatermill.Decode(tetherwatermill.JSON,
		func(_ context.Context, m tetherwatermill.Msg[order]) error {
			if sum.add(m.Value.ID) == 1 && m.Value.ID%10 == 0 {
				return fmt.Errorf("not at first")
			}
			if all, again := sum.count(); all == 100 && again == 10 {
				close(done)
			}
			return nil
		}),
		tetherwatermill.Backoff(0, 0), tetherwatermill.OnError(func(*tetherwatermill.Error) {})))
	tetherwatermill.Publish(app, &placed, pubsub, "orders", tetherwatermill.JSON)
	for i := range 100 {
		placed.Fire(order{i})
	}
	select {
	case <-done:
	case <-time.After(patience):
		all, again := sum.count()
		t.Fatalf("handled %d orders, %d of them again; want 100 and 10", all, again)
	}
	require.NoError(t, app.Destroy())
	assert.Zero(t, app.Stats())
}

// The handler writes to what the test writes to after Destroy: under -race that is the proof
// that nothing is handled any more.
func TestGochannel_NothingIsHandledWhenDestroyHasReturned(t *testing.T) {
	noTraces(t)
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	for range rounds {
		app := tether.NewOwner("app")
		pubsub := tether.Own(app, gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: 8}, nil))
		handled := 0
		began := make(chan struct{}, 1)
		ear := app.NewChild("ear")
		require.NoError(t, tetherwatermill.Subscribe(ear, pubsub, "topic", func(context.Context, *message.Message) error {
			handled++
			select {
			case began <- struct{}{}:
			default:
			}
			return nil
		}))
		app.Go(func(ctx context.Context) {
			for ctx.Err() == nil {
				_ = pubsub.Publish("topic", message.NewMessage("", nil))
			}
		})
		<-began
		ear.Destroy()
		handled = -1
		app.Destroy()
		require.Equal(t, -1, handled)
	}
}

func init() { logging.Disable() } // connections that are closed while somebody reads, on purpose

// redisServers returns the servers to test with: the one in the process, and Debian's where
// it is installed.
func redisServers(t *testing.T) map[string]func(t *testing.T) (addr string) {
	servers := map[string]func(t *testing.T) string{
		"miniredis": func(t *testing.T) string { return miniredis.RunT(t).Addr() },
	}
	if _, err := exec.LookPath("redis-server"); err == nil {
		servers["redis-server"] = runRedis
	}
	return servers
}

// runRedis starts a redis-server that ends with the test.
func runRedis(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	require.NoError(t, ln.Close())
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	server := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	server.Stdout, server.Stderr = io.Discard, os.Stderr
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			require.NoError(t, conn.Close())
			return addr
		}
		require.True(t, time.Now().Before(deadline), "redis-server does not answer: %v", err)
		time.Sleep(10 * time.Millisecond)
	}
}

func dial(addr string) *redis.Client { return redis.NewClient(&redis.Options{Addr: addr}) }

// hear subscribes to orders as one of a group, with a client that owner closes.
func hear(t *testing.T, owner *tether.Owner, addr string, f func(context.Context, tetherwatermill.Msg[order]) error) {
	sub, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
		Client: dial(addr), ConsumerGroup: "stock", Consumer: owner.Name(),
		BlockTime: 10 * time.Millisecond, DisableIndefiniteInitialBlock: true, // or its reader outlives it
		ClaimInterval: 50 * time.Millisecond, MaxIdleTime: time.Second,
	}, watermill.NopLogger{})
	require.NoError(t, err)
	tether.Own(owner, sub)
	require.NoError(t, tetherwatermill.Subscribe(owner, sub, "orders",
		tetherwatermill.Decode(tetherwatermill.JSON, f), tetherwatermill.Backoff(0, 0)))
}

func TestRedis_WhoeverIsDestroyedInMidStreamLosesNothingAndHasAckedAllThatItHandled(t *testing.T) {
	for name, serve := range redisServers(t) {
		t.Run(name, func(t *testing.T) { testRedis(t, serve) })
	}
}

func testRedis(t *testing.T, serve func(*testing.T) string) {
	const n = 500
	noTraces(t)
	addr := serve(t)
	client := dial(addr)
	defer client.Close()

	app := tether.NewOwner("app")
	pub, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: dial(addr)}, nil)
	require.NoError(t, err)
	tether.Own(app, pub)
	var placed tether.Signal[order]
	tetherwatermill.Publish(app, &placed, pub, "orders", tetherwatermill.JSON)
	for i := range n {
		placed.Fire(order{i})
	}

	sum := newTally()
	for i := 0; ; i++ {
		ear := app.NewChild(fmt.Sprint("ear", i))
		handled := make(chan int, n)
		var mine []string // ids, written without a lock: read when Destroy has returned
		enough := min(n, (i+1)*100)
		hear(t, ear, addr, func(ctx context.Context, m tetherwatermill.Msg[order]) error {
			sum.add(m.Value.ID)
			mine = append(mine, m.UUID)
			all, _ := sum.count()
			handled <- all
			if all == enough {
				<-ctx.Done() // Destroy comes while it is handled
			}
			return nil
		})
		for all := 0; all < enough; {
			select {
			case all = <-handled:
			case <-time.After(patience):
				t.Fatalf("%d of %d orders were handled", all, n)
			}
		}
		require.NoError(t, ear.Destroy())

		// What is pending was not handled: all that was has its ack.
		pending, err := client.XPendingExt(context.Background(), &redis.XPendingExtArgs{
			Stream: "orders", Group: "stock", Start: "-", End: "+", Count: n,
		}).Result()
		require.NoError(t, err)
		assert.LessOrEqual(t, len(pending), 3*(i+1), "a subscriber has read three at most that were not handled")
		for _, p := range pending {
			read, err := client.XRange(context.Background(), "orders", p.ID, p.ID).Result()
			require.NoError(t, err)
			assert.NotContains(t, mine, read[0].Values[redisstream.UUIDHeaderKey])
		}
		if all, _ := sum.count(); all == n {
			break
		}
	}
	_, again := sum.count() // a subscriber may claim what waits in its own hands
	t.Logf("%d of %d orders were handled more than once", again, n)
	require.NoError(t, app.Destroy())
	assert.Zero(t, app.Stats())
}

func TestAPanicThatNobodyHandlesCrashesTheProgramAndTheMessageComesAgain(t *testing.T) {
	const addrOf = "TETHERWATERMILL_REDIS"
	if addr := os.Getenv(addrOf); addr != "" {
		app := tether.NewOwner("app")
		defer app.Destroy()
		hear(t, app, addr, func(context.Context, tetherwatermill.Msg[order]) error { panic("not handled") })
		<-app.Ended() // it does not
		return
	}
	noTraces(t)
	addr := miniredis.RunT(t).Addr()
	app := tether.NewOwner("app")
	pub, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: dial(addr)}, nil)
	require.NoError(t, err)
	tether.Own(app, pub)
	var placed tether.Signal[order]
	tetherwatermill.Publish(app, &placed, pub, "orders", tetherwatermill.JSON)
	placed.Fire(order{7})

	crash := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=20s")
	crash.Env = append(os.Environ(), addrOf+"="+addr)
	out, err := crash.CombinedOutput()
	require.Error(t, err)
	require.True(t, strings.Contains(string(out), "panic: not handled"), "%s", out)

	handled := make(chan order, 1)
	hear(t, app, addr, func(_ context.Context, m tetherwatermill.Msg[order]) error {
		handled <- m.Value
		return nil
	})
	select {
	case got := <-handled:
		assert.Equal(t, order{7}, got)
	case <-time.After(patience):
		t.Fatal("the message did not come again")
	}
	require.NoError(t, app.Destroy())
}
