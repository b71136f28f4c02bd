// Package load measures package tethernats beside nats.go used by hand. See REPORT.md.
package load

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethernats"
	"github.com/seed-ec287111/tether/tethertest"
)

var (
	messages = flag.Int("messages", 2000, "how many messages each case handles; 100000 for the report")
	rounds   = flag.Int("rounds", 1, "how often each case runs, in turns; the least time counts. 3 for the report")
	only     = flag.Int("size", 0, "only this size, in bytes, of those of TestThroughput")
	guard    = flag.Bool("guard", false, "fail where tethernats takes more than 1.3 times as long as nats.go by hand")
	soak     = flag.Duration("soak", 2*time.Second, "how long the soak takes; 1m for the report, 5m on demand")
)

// sizes are how many bytes a message has.
func sizes() []int {
	if *only > 0 {
		return []int{*only}
	}
	return []int{100, 10_000}
}

const serverVariable = "TETHERNATS_LOAD_SERVER" // the directory, in the process that is to be the server

func TestMain(m *testing.M) {
	if dir := os.Getenv(serverVariable); dir != "" {
		serve(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// serve is the main of the server's process. It is not in the one that is measured.
func serve(dir string) {
	err := tether.Run(context.Background(), "server", func(app *tether.Owner) error {
		c, err := tethernats.Embed(app, dir, tethernats.Listen("127.0.0.1", 0))
		if err != nil {
			return err
		}
		fmt.Println(c.URL())
		_, err = io.Copy(io.Discard, os.Stdin)
		return err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// start starts a server in a process of its own, which ends with the test, and returns its
// address.
func start(t *testing.T) (url string) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), serverVariable+"="+t.TempDir())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	url, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(url)
}

// A value is what is sent: of about 100 bytes, or 10 KB.
type value struct {
	ID   int    `json:"id"`
	Sent int64  `json:"sent"`
	Text string `json:"text"`
}

func newValue(id, size int) value {
	return value{ID: id, Sent: time.Now().UnixNano(), Text: strings.Repeat("x", size-50)}
}

// A setting is a server and two connections, one by hand.
type setting struct {
	t    *testing.T
	app  *tether.Owner
	c    *tethernats.Conn
	hand *nats.Conn
	js   jetstream.JetStream
	ctx  context.Context
	made int // durables
}

func open(t *testing.T) *setting {
	t.Helper()
	url := start(t)
	s := &setting{t: t, app: tethertest.NewOwner(t), ctx: t.Context()}
	var err error
	s.c, err = tethernats.Connect(s.app, url, tethernats.OnError(func(err error) { t.Error(err) }))
	require.NoError(t, err)
	s.hand, err = nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(s.hand.Close)
	s.js, err = jetstream.New(s.hand)
	require.NoError(t, err)
	return s
}

// A way does one thing n times, with tethernats or by hand, and returns when it is done. What
// it needs for that it makes before it calls begin.
type way func(n int, begin func())

// A result is the least of several rounds.
type result struct {
	took   time.Duration
	allocs float64 // of a message
}

// compare runs both ways in turns.
func (s *setting) compare(name string, n int, ours, byHand way) {
	s.t.Helper()
	least := [2]result{{took: 1 << 62}, {took: 1 << 62}}
	for range *rounds {
		for i, f := range []way{ours, byHand} {
			var before, after runtime.MemStats
			var begun time.Time
			runtime.GC()
			f(n, func() {
				runtime.ReadMemStats(&before)
				begun = time.Now()
			})
			took := time.Since(begun)
			runtime.ReadMemStats(&after)
			if took < least[i].took {
				least[i] = result{took, float64(after.Mallocs-before.Mallocs) / float64(n)}
			}
		}
	}
	ratio := float64(least[0].took) / float64(least[1].took)
	rate := func(r result) float64 { return float64(n) / r.took.Seconds() }
	s.t.Logf("| %s | %.0f/s | %.0f/s | %.2f | %.1f | %.1f |", name, rate(least[0]), rate(least[1]), ratio, least[0].allocs, least[1].allocs)
	if *guard {
		assert.LessOrEqual(s.t, ratio, 1.3, name)
	}
}

func check(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// TestThroughput prints lines of a table: case, tethernats, by hand, ratio of the times,
// allocations of both.
func TestThroughput(t *testing.T) {
	for _, size := range sizes() {
		t.Run(fmt.Sprintf("%d B", size), func(t *testing.T) {
			s := open(t)
			s.core(size)
			s.stored(size)
		})
	}
}

// core is what is not stored: published and handled at once.
func (s *setting) core(size int) {
	t := s.t
	n := *messages
	subject := "core"
	s.compare(fmt.Sprintf("Subscribe, %d B", size), n, func(n int, begin func()) {
		o := s.app.NewChild("subscriber")
		defer o.Destroy()
		src, err := tethernats.Subscribe[value](o, s.c, subject, tethernats.Pending(2*n, 4*n*size))
		require.NoError(t, err)
		done, got := make(chan struct{}), 0
		src.Connect(o, func(m tethernats.Msg[value]) {
			if got++; got == n {
				close(done)
			}
		})
		begin()
		v := newValue(1, size)
		for range n {
			check(t, tethernats.Send(s.ctx, s.c, subject, v))
		}
		<-done
	}, func(n int, begin func()) {
		done, got := make(chan struct{}), 0
		sub, err := s.hand.Subscribe(subject, func(m *nats.Msg) {
			var v value
			check(t, json.Unmarshal(m.Data, &v))
			if got++; got == n {
				close(done)
			}
		})
		require.NoError(t, err)
		require.NoError(t, sub.SetPendingLimits(2*n, 4*n*size))
		require.NoError(t, s.hand.Flush())
		begin()
		v := newValue(1, size)
		for range n {
			data, err := json.Marshal(v)
			check(t, err)
			check(t, s.hand.Publish(subject, data))
		}
		<-done
		check(t, sub.Unsubscribe())
	})
}

// stored is what a stream has.
func (s *setting) stored(size int) {
	t := s.t
	n := *messages
	_, err := s.js.CreateStream(s.ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	require.NoError(t, err)
	v := newValue(1, size)
	tenth := max(1, n/10)
	s.compare(fmt.Sprintf("Send, Stored, %d B", size), tenth, func(n int, begin func()) {
		begin()
		for range n {
			check(t, tethernats.Send(s.ctx, s.c, "s", v, tethernats.Stored()))
		}
	}, func(n int, begin func()) {
		begin()
		for i := range n {
			data, err := json.Marshal(v)
			check(t, err)
			_, err = s.js.Publish(s.ctx, "s", data, jetstream.WithMsgID(fmt.Sprint(size, time.Now().UnixNano(), i)))
			check(t, err)
		}
	})
	data, err := json.Marshal(v)
	require.NoError(t, err)
	for i := range n { // enough that each durable finds n; not measured
		_, err := s.js.PublishAsync("s", data)
		require.NoError(t, err)
		if i%100 == 99 {
			<-s.js.PublishAsyncComplete()
		}
	}
	<-s.js.PublishAsyncComplete()
	for _, c := range []struct {
		name    string
		ordered bool
		workers int
		n       int
		opts    []tethernats.ConsumeOption
	}{
		{"Consume, in order", true, 1, tenth, nil},
		{"Consume, Concurrency(1)", false, 1, n, []tethernats.ConsumeOption{tethernats.Concurrency(1)}},
		{"Consume, Concurrency(8)", false, 8, n, []tethernats.ConsumeOption{tethernats.Concurrency(8)}},
	} {
		s.compare(fmt.Sprintf("%s, %d B", c.name, size), c.n,
			func(n int, begin func()) { s.consume(n, begin, c.opts) },
			func(n int, begin func()) { s.consumeByHand(n, begin, c.workers, c.ordered) })
	}
}

func (s *setting) durable() string {
	s.made++
	return fmt.Sprintf("d%d", s.made)
}

func (s *setting) consume(n int, begin func(), opts []tethernats.ConsumeOption) {
	o := s.app.NewChild("consumer")
	defer o.Destroy()
	done := make(chan struct{})
	var got atomic.Int64
	begin()
	require.NoError(s.t, tethernats.Consume(o, s.c, "S", s.durable(), func(_ context.Context, m tethernats.Msg[value]) error {
		if got.Add(1) == int64(n) {
			close(done)
		}
		return nil
	}, opts...))
	<-done
}

// consumeByHand is what a user would write, with the settings that Consume has.
func (s *setting) consumeByHand(n int, begin func(), workers int, ordered bool) {
	t := s.t
	cfg := jetstream.ConsumerConfig{Durable: s.durable(), AckPolicy: jetstream.AckExplicitPolicy, AckWait: 10 * time.Second, MaxAckPending: -1}
	if ordered {
		cfg.MaxAckPending = 1
	}
	begin()
	cons, err := s.js.CreateConsumer(s.ctx, "S", cfg)
	require.NoError(t, err)
	done := make(chan struct{})
	var got atomic.Int64
	handle := func(m jetstream.Msg) {
		var v value
		check(t, json.Unmarshal(m.Data(), &v))
		_, err := m.Metadata()
		check(t, err)
		check(t, m.Ack())
		if got.Add(1) == int64(n) {
			close(done)
		}
	}
	work := make(chan jetstream.Msg)
	var all sync.WaitGroup
	receive := handle
	if workers > 1 {
		for range workers {
			all.Go(func() {
				for m := range work {
					handle(m)
				}
			})
		}
		receive = func(m jetstream.Msg) { work <- m }
	}
	cc, err := cons.Consume(receive, jetstream.PullMaxMessages(256+workers))
	require.NoError(t, err)
	<-done
	cc.Drain()
	<-cc.Closed()
	close(work)
	all.Wait()
}

// TestLatency prints, for one message at a time, what time it takes from the call that sends it
// until its handler runs.
func TestLatency(t *testing.T) {
	s := open(t)
	n := max(100, *messages/20)
	_, err := s.js.CreateStream(s.ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	require.NoError(t, err)
	for _, size := range []int{100, 10_000} {
		arrived := make(chan int64, 1)
		arrive := func(v value) { arrived <- time.Now().UnixNano() - v.Sent }
		measure := func(name string, send func(v value)) {
			took := make([]int64, 0, n)
			for id := range n {
				send(newValue(id, size))
				took = append(took, <-arrived)
			}
			slices.Sort(took)
			us := func(i int) float64 { return float64(took[i]) / 1000 }
			t.Logf("| %s, %d B | %.0f us | %.0f us |", name, size, us(n/2), us(n*99/100))
		}
		o := s.app.NewChild("subscriber")
		src, err := tethernats.Subscribe[value](o, s.c, "core")
		require.NoError(t, err)
		src.Connect(o, func(m tethernats.Msg[value]) { arrive(m.Value) })
		measure("Subscribe", func(v value) { check(t, tethernats.Send(s.ctx, s.c, "core", v)) })
		o.Destroy()
		sub, err := s.hand.Subscribe("core", func(m *nats.Msg) {
			var v value
			check(t, json.Unmarshal(m.Data, &v))
			arrive(v)
		})
		require.NoError(t, err)
		require.NoError(t, s.hand.Flush())
		measure("nats.go Subscribe", func(v value) {
			data, err := json.Marshal(v)
			check(t, err)
			check(t, s.hand.Publish("core", data))
		})
		require.NoError(t, sub.Unsubscribe())

		last := func(cfg *jetstream.ConsumerConfig) { cfg.DeliverPolicy = jetstream.DeliverNewPolicy }
		for _, way := range []struct {
			name string
			opts []tethernats.ConsumeOption
		}{
			{"Stored and Consume, in order", nil},
			{"Stored and Consume, Concurrency(1)", []tethernats.ConsumeOption{tethernats.Concurrency(1)}},
		} {
			o = s.app.NewChild("consumer")
			require.NoError(t, tethernats.Consume(o, s.c, "S", s.durable(), func(_ context.Context, m tethernats.Msg[value]) error {
				arrive(m.Value)
				return nil
			}, append(way.opts, tethernats.Configure(last))...))
			measure(way.name, func(v value) { check(t, tethernats.Send(s.ctx, s.c, "s", v, tethernats.Stored())) })
			o.Destroy()
		}
		cons, err := s.js.CreateConsumer(s.ctx, "S", jetstream.ConsumerConfig{
			Durable: s.durable(), AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverNewPolicy})
		require.NoError(t, err)
		cc, err := cons.Consume(func(m jetstream.Msg) {
			var v value
			check(t, json.Unmarshal(m.Data(), &v))
			arrive(v)
			check(t, m.Ack())
		})
		require.NoError(t, err)
		measure("nats.go Publish and Consume", func(v value) {
			data, err := json.Marshal(v)
			check(t, err)
			_, err = s.js.Publish(s.ctx, "s", data)
			check(t, err)
		})
		cc.Drain()
		<-cc.Closed()
	}
}

// TestSoak has everything at work for a time, with owners that come and go, and looks whether
// memory and goroutines stay as they are.
func TestSoak(t *testing.T) {
	s := open(t)
	_, err := s.js.CreateStream(s.ctx, jetstream.StreamConfig{
		Name: "S", Subjects: []string{"s"}, Retention: jetstream.WorkQueuePolicy, Duplicates: time.Second,
	})
	require.NoError(t, err)
	load := s.app.NewChild("load")
	src, err := tethernats.Subscribe[value](load, s.c, "core")
	require.NoError(t, err)
	var heard, handled, answered atomic.Int64
	src.Connect(load, func(tethernats.Msg[value]) { heard.Add(1) })
	require.NoError(t, tethernats.Reply(load, s.c, "q", func(_ context.Context, n int) (int, error) { return n, nil }))
	var fired tether.Signal[value]
	_, err = tethernats.Publish(load, &fired, s.c, "core")
	require.NoError(t, err)
	load.Go(func(ctx context.Context) {
		for id := 0; ctx.Err() == nil; id++ {
			fired.Fire(newValue(id, 100))
			if id%10 == 0 {
				err := tethernats.Send(ctx, s.c, "s", newValue(id, 1000), tethernats.Stored())
				if err == nil {
					_, err = tethernats.Ask[int](ctx, s.c, "q", id)
				}
				if err == nil {
					answered.Add(1)
				} else if load.Alive() {
					t.Error(err)
				}
			}
		}
	})
	load.Go(func(ctx context.Context) {
		for ctx.Err() == nil {
			o := load.NewChild("consumer")
			err := tethernats.Consume(o, s.c, "S", "d", func(context.Context, tethernats.Msg[value]) error {
				handled.Add(1)
				return nil
			}, tethernats.Concurrency(2))
			if err != nil && load.Alive() {
				t.Error(err)
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
			o.Destroy()
		}
	})
	const parts = 12
	var heap, goroutines []int
	for range parts {
		time.Sleep(*soak / parts)
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap, goroutines = append(heap, int(m.HeapAlloc)), append(goroutines, runtime.NumGoroutine())
	}
	assert.NoError(t, load.Destroy())
	t.Logf("%v: %d heard, %d answered, %d handled; heap in KB %v, goroutines %v", *soak, heard.Load(), answered.Load(), handled.Load(), kilo(heap), goroutines)
	assert.NotZero(t, handled.Load())
	// The least of a third does not depend on what happened to be under way.
	early, late := slices.Min(heap[parts/3:2*parts/3]), slices.Min(heap[2*parts/3:])
	assert.Less(t, late, early+early/4+1<<20, "the heap grows")
	early, late = slices.Min(goroutines[parts/3:2*parts/3]), slices.Min(goroutines[2*parts/3:])
	assert.LessOrEqual(t, late, early+5, "goroutines pile up")
}

func kilo(bytes []int) (kb []int) {
	for _, b := range bytes {
		kb = append(kb, b/1024)
	}
	return kb
}
