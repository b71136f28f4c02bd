package load

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-ec287111/tether"
)

var soakFlag = flag.Duration("soak", 2*time.Second, "how long the soak lasts")

// A world is what the sessions of a soak share. Every worker makes sessions,
// owners with a bit of everything, and ends them in one of several ways, while
// all fire at all.
type world struct {
	app    *tether.Owner
	shared tether.Signal[int]
	beat   *tether.Heartbeat

	fired, calls, handled, dropped, skipped atomic.Int64
	opened, closed, ticks, goroutines       atomic.Int64
	shares, heard                           atomic.Int64 // Fires of shared; calls of one that listens all the time
	late                                    atomic.Int64 // calls after the end of their owner
	wrong                                   atomic.Pointer[string]
}

func newWorld() *world {
	w := &world{app: tether.NewOwner("soak")}
	w.beat = tether.NewHeartbeat(w.app, time.Millisecond)
	w.shared.Connect(w.app, func(int) { w.heard.Add(1) })
	return w
}

func (w *world) fail(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	w.wrong.CompareAndSwap(nil, &s)
}

// A session is one owner and what only it knows.
type session struct {
	w       *world
	o       *tether.Owner
	q       *tether.Queue
	mine    tether.Signal[int]
	ended   atomic.Bool
	handled atomic.Int64
	fired   int64 // at the queue; one goroutine fires
	last    int   // value that was handled
}

func (w *world) open(n int) *session {
	s := &session{w: w, o: w.app.NewChild("session")}
	w.opened.Add(1)
	s.o.Defer(func() { w.closed.Add(1) })
	s.q = tether.NewQueue(s.o, 1+n%7, tether.Overflow(n%3))
	s.mine.Connect(s.o, func(v int) {
		if v <= s.last {
			w.fail("value %d handled after %d", v, s.last)
		}
		s.last = v
		s.handled.Add(1)
		s.called()
	}, tether.On(s.q))
	w.shared.Connect(s.o, func(int) { s.called() })
	w.shared.Once(s.o, func(int) { s.called() }, tether.Priority(n%4))
	w.beat.Connect(s.o, func(tether.Tick) { w.ticks.Add(1); s.called() })
	child := s.o.NewChild("child")
	w.opened.Add(1)
	child.Defer(func() { w.closed.Add(1) })
	w.shared.ConnectSelf(child, func(self *tether.Connection, v int) {
		s.called()
		if v%5 == 0 {
			self.Disconnect()
		}
	})
	if n%4 == 0 {
		child.Go(func(ctx context.Context) { <-ctx.Done(); w.goroutines.Add(1) })
	}
	child.AfterFunc(time.Duration(n%2000)*time.Microsecond, s.called)
	return s
}

// called is what all functions of a session call.
func (s *session) called() {
	s.w.calls.Add(1)
	if s.ended.Load() {
		s.w.late.Add(1)
	}
}

func (s *session) fire(values int) {
	for range values {
		s.fired++
		s.mine.Fire(int(s.fired))
	}
	s.w.fired.Add(int64(values))
}

// close ends the session and does its books: all that was fired before was
// handled or dropped, all that is fired after that is skipped.
func (s *session) close(how int) {
	switch how % 5 {
	case 0: // from a handler of its own
		s.w.shared.Once(s.o, func(int) { _ = s.o.Destroy() }, tether.Priority(9))
		s.w.shares.Add(1)
		s.w.shared.Fire(1)
		<-s.o.Ended()
	case 1:
		s.o.Cancel(nil)
		<-s.o.Ended()
	case 2: // when the queue is empty
		_ = s.q.Flush(context.Background())
		_ = s.o.Destroy()
	case 3:
		if err := s.o.DestroyContext(context.Background()); err != nil {
			s.w.fail("DestroyContext: %v", err)
		}
	default:
		if err := s.o.Destroy(); err != nil {
			s.w.fail("Destroy: %v", err)
		}
	}
	s.ended.Store(true)
	handled, dropped := s.handled.Load(), int64(s.q.Dropped())
	if s.fired != handled+dropped {
		s.w.fail("fired %d, handled %d, dropped %d", s.fired, handled, dropped)
	}
	s.fire(3)
	s.w.skipped.Add(3)
	if n := s.handled.Load(); n != handled || int64(s.q.Dropped()) != dropped {
		s.w.fail("what a dead queue was sent is in its books: %d and %d handled", handled, n)
	}
	s.w.handled.Add(handled)
	s.w.dropped.Add(dropped)
	if st := s.o.Stats(); st != (tether.Stats{}) {
		s.w.fail("an ended session holds %+v", st)
	}
}

// work makes and ends sessions, width of them at a time, as long as more says.
func (w *world) work(width int, more func(sessions int) bool) {
	alive := make([]*session, 0, width)
	for i := 0; more(i) && w.wrong.Load() == nil; i++ {
		n := rand.IntN(1 << 20)
		s := w.open(n)
		s.fire(n % 30)
		if n%8 == 0 { // a Fire has as many calls as there are sessions
			w.shares.Add(1)
			w.shared.Fire(n)
		}
		if len(alive) < width {
			alive = append(alive, s)
			continue
		}
		old := &alive[n%width]
		(*old).fire(n % 11)
		(*old).close(n >> 4)
		*old = s
	}
	for i, s := range alive {
		s.close(i)
	}
}

// run has workers work, each with so many sessions at a time.
func (w *world) run(workers, width int, more func(sessions int) bool) {
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { w.work(width, more) })
	}
	wg.Wait()
}

// settle ends the world and checks the books.
func (w *world) settle(t *testing.T) {
	t.Helper()
	if n := w.shared.Len(); n != 1 && w.wrong.Load() == nil {
		t.Errorf("%d connections on the shared signal, not 1", n)
	}
	if n := w.beat.Len(); n != 0 && w.wrong.Load() == nil {
		t.Errorf("%d connections on the heartbeat", n)
	}
	if err := w.app.Destroy(); err != nil {
		t.Error(err)
	}
	if s := w.wrong.Load(); s != nil {
		t.Error(*s)
	}
	if n := w.late.Load(); n > 0 {
		t.Errorf("%d calls after the end of their owner", n)
	}
	if a, b := w.opened.Load(), w.closed.Load(); a != b {
		t.Errorf("%d owners opened, %d closed", a, b)
	}
	if a, b := w.fired.Load(), w.handled.Load()+w.dropped.Load()+w.skipped.Load(); a != b {
		t.Errorf("%d fired, %d handled, dropped or skipped", a, b)
	}
	if a, b := w.shares.Load(), w.heard.Load(); a != b {
		t.Errorf("%d Fires of the shared signal, %d heard by who always listens", a, b)
	}
	if st := w.app.Stats(); st != (tether.Stats{}) {
		t.Errorf("left over: %+v", st)
	}
	if w.shared.Len() != 0 {
		t.Error("the shared signal has connections")
	}
}

func (w *world) String() string {
	return fmt.Sprintf("%d owners; %d values at queues: %d handled, %d dropped, %d skipped; %d Fires at all; %d calls, %d of them ticks",
		w.opened.Load(), w.fired.Load(), w.handled.Load(), w.dropped.Load(), w.skipped.Load(),
		w.shares.Load(), w.calls.Load(), w.ticks.Load())
}

// heap returns the bytes of live objects, when what is finished has been freed.
func heap() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// goroutines returns how many there are, and waits a while until they are want.
func goroutines(want int) int {
	for range 100 {
		if runtime.NumGoroutine() <= want {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return runtime.NumGoroutine()
}

func TestSoak(t *testing.T) {
	workers := 2 * runtime.GOMAXPROCS(0)
	before := runtime.NumGoroutine()
	warm := newWorld()
	warm.run(workers, 50, func(i int) bool { return i < 200 })
	warm.settle(t)
	heapBefore := heap()

	w := newWorld()
	end := time.Now().Add(*soakFlag)
	w.run(workers, 50, func(int) bool { return time.Now().Before(end) })
	w.settle(t)
	after, heapAfter := goroutines(before), heap()
	t.Logf("%v by %d workers: %v", *soakFlag, workers, w)
	t.Logf("heap %d KiB before, %d KiB after; goroutines %d before, %d after", heapBefore>>10, heapAfter>>10, before, after)
	if after > before {
		t.Error("goroutines were left")
	}
	if heapAfter-heapBefore > 1<<20 {
		t.Error("the heap has grown by more than 1 MiB")
	}
	runtime.KeepAlive(w)
}

// TestMixedProgram is the soak in short, on 1, 2, 4 and 8 processors; it is
// meant for the race detector.
func TestMixedProgram(t *testing.T) {
	sessions := 2000
	if testing.Short() {
		sessions /= 10
	}
	for _, procs := range []int{1, 2, 4, 8} {
		t.Run(fmt.Sprintf("GOMAXPROCS=%d", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			w := newWorld()
			w.run(4, 20, func(i int) bool { return i < sessions })
			w.settle(t)
			t.Log(w)
		})
	}
	t.Run("a collection after every few allocations", func(t *testing.T) {
		defer debug.SetGCPercent(debug.SetGCPercent(1))
		w := newWorld()
		w.run(4, 20, func(i int) bool { return i < sessions/4 })
		w.settle(t)
		t.Log(w)
	})
}
