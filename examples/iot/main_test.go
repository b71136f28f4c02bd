package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	conf  = Config{Silence: time.Minute, Limit: 10, Every: time.Minute}
	begin = time.Now()
)

// after is so many seconds after the beginning.
func after(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }

func TestTheDemo(t *testing.T) {
	tethertest.VerifyNone(t)
	var out strings.Builder
	require.NoError(t, demo(&out, 1000))
	assert.Equal(t, `1000 devices, # a reading
500 devices when the others were silent for a minute
the connection to the broker is closed
1000 joined, 1000 left, 10 alerts
2500 readings taken: 2500 published, 0 refused by the broker, 0 dropped by the queue
`, regexp.MustCompile(`\S+s a reading`).ReplaceAllString(out.String(), "# a reading"))
}

func TestADeviceThatFallsSilentEndsAndMayComeBack(t *testing.T) {
	tethertest.VerifyNone(t)
	app := tethertest.NewOwner(t)
	var ticks tether.Signal[tether.Tick]
	g := NewGateway(app.NewChild("gateway"), &ticks, conf)
	joined, left := tethertest.Record(t, g.Joined), tethertest.Record(t, g.Left)
	before := app.Stats()
	require.True(t, g.Ingest(Reading{"a", 1, after(0)}))
	require.True(t, g.Ingest(Reading{"a", 2, after(10)}))
	require.True(t, g.Ingest(Reading{"b", 3, after(30)}))
	ticks.Fire(tether.Tick{Time: after(70)})
	assert.Equal(t, 2, g.Devices.Len())
	ticks.Fire(tether.Tick{Time: after(71)})
	left.Expect(Departure{Reading{"a", 2, after(10)}, 2})
	b, ok := g.Devices.Lookup("b")
	require.True(t, ok)
	assert.Equal(t, Reading{"b", 3, after(30)}, b.Last())
	require.True(t, g.Ingest(Reading{"a", 4, after(80)}))
	joined.Expect("a", "b", "a")
	assert.NoError(t, g.Devices.Destroy("a"))
	assert.NoError(t, g.Devices.Destroy("b"))
	assert.Equal(t, before, app.Stats())
}

func TestAlertsOfOneDeviceAreHeldBackAndCounted(t *testing.T) {
	tethertest.VerifyNone(t)
	app := tethertest.NewOwner(t)
	var ticks tether.Signal[tether.Tick]
	g := NewGateway(app.NewChild("gateway"), &ticks, conf)
	alerts := tethertest.Record(t, g.Alerts)
	for second := range 121 {
		require.True(t, g.Ingest(Reading{"a", float64(second % 2 * 11), after(second)}))
	}
	require.True(t, g.Ingest(Reading{"b", 11, after(1)}))
	alerts.Expect(
		Alert{Reading{"a", 11, after(1)}, 0}, Alert{Reading{"a", 11, after(61)}, 29}, Alert{Reading{"b", 11, after(1)}, 0},
	)
}

// A broker is slow, and refuses some batches.
type broker struct {
	published, refused, closed int
}

func (b *broker) Publish(batch []Reading) error {
	runtime.Gosched()
	if rand.IntN(10) == 0 {
		b.refused += len(batch)
		return errors.New("not now")
	}
	b.published += len(batch)
	return nil
}

func (b *broker) Close() error {
	b.closed++
	return nil
}

// Readings come on many goroutines, while devices fall silent and are thrown out, until the
// end and beyond: each of them was refused, and whoever sent it knows, or is accounted for.
func TestNoReadingIsLostUncounted(t *testing.T) {
	tethertest.VerifyNone(t)
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		app := tether.NewOwner("iot", tether.Staged())
		log := app.NewChild("log")
		forwarder := app.NewChild("forwarder")
		var ticks tether.Signal[tether.Tick]
		g := NewGateway(app.NewChild("gateway"), &ticks, conf)
		b := new(broker)
		f := Forward(forwarder, g.Readings, &ticks, b, 7)
		var joined, left, of atomic.Int64
		g.Joined.Connect(log, func(string) { joined.Add(1) })
		g.Left.Connect(log, func(d Departure) {
			left.Add(1)
			of.Add(int64(d.Readings))
		})

		const senders, each = 6, 1000
		var taken, refused, sent atomic.Int64
		var storm sync.WaitGroup
		for range senders {
			storm.Go(func() {
				for i := range each {
					if sent.Add(1); g.Ingest(Reading{fmt.Sprint(rand.IntN(20)), 1, after(i)}) {
						taken.Add(1)
					} else {
						refused.Add(1)
					}
				}
			})
		}
		storm.Go(func() {
			for i := range each {
				ticks.Fire(tether.Tick{Time: after(i + 60)})
				_ = g.Devices.Destroy(fmt.Sprint(rand.IntN(20)))
			}
		})
		for end := rand.Int64N(2 * senders * each); sent.Load() < min(end, senders*each); {
			runtime.Gosched()
		}
		assert.NoError(t, app.Destroy())
		storm.Wait()

		published, lost, dropped := f.Account()
		assert.EqualValues(t, senders*each, taken.Load()+refused.Load())
		assert.Equal(t, refused.Load(), g.Refused.Load())
		assert.EqualValues(t, taken.Load(), published+lost+dropped)
		assert.Equal(t, []int{published, lost, 1}, []int{b.published, b.refused, b.closed})
		assert.Equal(t, joined.Load(), left.Load())
		assert.Equal(t, taken.Load(), of.Load(), "readings of devices")
		assert.Zero(t, app.Stats())
	}
}

func TestADeviceThatHasLeftTakesNothing(t *testing.T) {
	tethertest.VerifyNone(t)
	app := tethertest.NewOwner(t)
	g := NewGateway(app.NewChild("gateway"), new(tether.Signal[tether.Tick]), conf)
	passed := tethertest.Record(t, g.Readings)
	first := g.Devices.Get("a")
	require.NoError(t, g.Devices.Destroy("a"))
	assert.False(t, first.take(Reading{"a", 1, begin}))
	passed.ExpectNone()
	assert.True(t, g.Ingest(Reading{"a", 2, begin}), "a fresh one does")
	passed.Expect(Reading{"a", 2, begin})
}

// waiting is a broker that takes the first batch when ctx has ended, and then all.
type waiting struct {
	broker
	ctx context.Context
}

func (w *waiting) Publish(batch []Reading) error {
	<-w.ctx.Done()
	w.published += len(batch)
	return nil
}

func TestWhatIsQueuedAtTheEndIsPublished(t *testing.T) {
	tethertest.VerifyNone(t)
	app := tether.NewOwner("iot", tether.Staged())
	forwarder := app.NewChild("forwarder")
	g := NewGateway(app.NewChild("gateway"), new(tether.Signal[tether.Tick]), conf)
	b := &waiting{ctx: forwarder.Context()}
	f := Forward(forwarder, g.Readings, new(tether.Signal[tether.Tick]), b, 3)
	for i := range 10 {
		require.True(t, g.Ingest(Reading{"a", 1, after(i)}))
	}
	require.NoError(t, app.Destroy())
	sent, lost, dropped := f.Account()
	assert.Equal(t, []int{10, 0, 0}, []int{sent, lost, dropped})
	assert.Equal(t, 10, b.published)
}

// A reading that was taken is passed on, even if the gateway ends while it is on its way.
func TestAReadingThatIsOnItsWayAtTheEndIsPassedOn(t *testing.T) {
	tethertest.VerifyNone(t)
	app := tethertest.NewOwner(t)
	gateway := app.NewChild("gateway")
	g := NewGateway(gateway, new(tether.Signal[tether.Tick]), conf)
	passed := tethertest.Record(t, g.Readings)
	alerted := make(chan struct{})
	g.Alerts.Connect(app, func(Alert) {
		close(alerted)
		<-gateway.Context().Done()
	})
	taken := make(chan bool)
	go func() { taken <- g.Ingest(Reading{"a", 11, begin}) }()
	<-alerted
	require.NoError(t, gateway.Destroy())
	assert.True(t, <-taken)
	passed.Expect(Reading{"a", 11, begin})
	assert.False(t, g.Ingest(Reading{"a", 12, begin}))
	assert.EqualValues(t, 1, g.Refused.Load())
	passed.ExpectNone()
}

// The budget: a device in 1000 bytes. What it takes to make and end one is printed alone,
// as time is no verdict.
func TestWhatADeviceCosts(t *testing.T) {
	tethertest.VerifyNone(t)
	const n = 10_000
	app := tethertest.NewOwner(t)
	var ticks tether.Signal[tether.Tick]
	g := NewGateway(app.NewChild("gateway"), &ticks, conf)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("device ", i)
	}
	before := heap()
	start := time.Now()
	for _, id := range ids {
		g.Ingest(Reading{id, 1, begin})
	}
	made := time.Since(start)
	each := int(heap()-before) / n
	require.Equal(t, n, g.Devices.Len())
	start = time.Now()
	for _, id := range ids {
		g.Ingest(Reading{id, 1, begin})
	}
	reading := time.Since(start)
	start = time.Now()
	ticks.Fire(tether.Tick{Time: begin})
	beat := time.Since(start)
	start = time.Now()
	ticks.Fire(tether.Tick{Time: after(3600)})
	ended := time.Since(start)
	require.Zero(t, g.Devices.Len())
	t.Logf("a device: %d bytes, made with its first reading in %v, a further reading %v, a beat %v, ended in %v",
		each, made/n, reading/n, beat/n, ended/n)
	if !raced {
		assert.LessOrEqual(t, each, 1000, "bytes")
	}
	assert.Less(t, int(heap()-before)/n, 100, "bytes left of each")
	runtime.KeepAlive(ids)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkDevice(b *testing.B) {
	app := tethertest.NewOwner(b)
	var ticks tether.Signal[tether.Tick]
	g := NewGateway(app.NewChild("gateway"), &ticks, conf)
	b.Run("op=life", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g.Ingest(Reading{"a", 1, begin})
			_ = g.Devices.Destroy("a")
		}
	})
	b.Run("op=reading", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g.Ingest(Reading{"a", 1, begin})
		}
	})
}
