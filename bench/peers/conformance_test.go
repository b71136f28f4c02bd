package peers

import (
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// An inbox is what one handler has received.
type inbox struct {
	mu  sync.Mutex
	got []int
}

func (in *inbox) handle(v int) {
	in.mu.Lock()
	in.got = append(in.got, v)
	in.mu.Unlock()
}

func (in *inbox) values() []int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.got)
}

// await waits until the inbox holds n values and returns them.
func (in *inbox) await(t *testing.T, n int) []int {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Microsecond) {
		if got := in.values(); len(got) >= n {
			return got
		}
	}
	t.Fatalf("got %d values in %v, want %d", len(in.values()), patience, n)
	return nil
}

func forEach(t *testing.T, f func(t *testing.T, p Peer)) {
	for _, p := range All() {
		t.Run(p.Name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			f(t, p)
		})
	}
}

func TestEveryValueReachesEverySubscriberOnce(t *testing.T) {
	forEach(t, func(t *testing.T, p Peer) {
		const subscribers, values = 5, 200
		bus := p.New(16)
		var want []int
		inboxes := make([]inbox, subscribers)
		subs := make([]Sub, subscribers)
		for i := range subs {
			subs[i] = bus.Connect(inboxes[i].handle)
		}
		for v := range values {
			bus.Fire(v)
			want = append(want, v)
		}
		for i := range inboxes {
			if p.Kind == Sync && len(inboxes[i].values()) != values {
				t.Fatalf("Fire returned before its handlers had run")
			}
			got := inboxes[i].await(t, values)
			if !p.Ordered {
				slices.Sort(got)
			}
			if !slices.Equal(got, want) {
				t.Errorf("subscriber %d got %v, want %v", i, got, want)
			}
		}
		for _, s := range subs {
			bus.Disconnect(s)
		}
		bus.Close()
	})
}

// A library that knows a handler by its code pointer ends another one of the
// same literal.
func TestDisconnectEndsThatSubscriptionAndNoOther(t *testing.T) {
	forEach(t, func(t *testing.T, p Peer) {
		bus := p.New(16)
		inboxes := make([]inbox, 3)
		subs := make([]Sub, 3)
		for i := range subs {
			subs[i] = bus.Connect(func(v int) { inboxes[i].handle(v) })
		}
		const ended = 1
		bus.Disconnect(subs[ended])

		// Where Disconnect does not wait for its own effect, it has one in the end.
		silent := -1
		for v := range 1000 {
			before := len(inboxes[0].values()) + len(inboxes[1].values()) + len(inboxes[2].values())
			bus.Fire(v)
			if p.Exact {
				inboxes[0].await(t, v+1)
				inboxes[2].await(t, v+1)
			}
			time.Sleep(time.Millisecond)
			after := len(inboxes[0].values()) + len(inboxes[1].values()) + len(inboxes[2].values())
			if after-before == 2 {
				for i := range inboxes {
					if !slices.Contains(inboxes[i].values(), v) {
						silent = i
					}
				}
				break
			}
		}
		if silent < 0 {
			t.Fatal("all three subscribers still receive")
		}
		if exact := silent == ended; exact != p.Exact {
			t.Errorf("Disconnect of %d ended %d; the claim is Exact: %v", ended, silent, p.Exact)
		}
		for i, s := range subs {
			if i != ended {
				bus.Disconnect(s)
			}
		}
		bus.Close()
	})
}

func TestDisconnectIsABarrierWhereThatIsClaimed(t *testing.T) {
	forEach(t, func(t *testing.T, p Peer) {
		if p.Name == bareLoop.Name {
			t.Skip("for one goroutine only")
		}
		bus := p.New(16)
		entered, release := make(chan bool), make(chan bool)
		var running bool // guarded by mu
		var mu sync.Mutex
		set := func(to bool) {
			mu.Lock()
			running = to
			mu.Unlock()
		}
		sub := bus.Connect(func(int) {
			set(true)
			entered <- true
			<-release
			set(false)
		})
		var wg sync.WaitGroup
		wg.Go(func() { bus.Fire(1) })
		<-entered
		done := make(chan bool)
		var ran bool // when Disconnect had returned
		wg.Go(func() {
			bus.Disconnect(sub)
			mu.Lock()
			ran = running
			mu.Unlock()
			close(done)
		})
		wait := patience
		if p.Barrier {
			wait = 20 * time.Millisecond // not to be judged by, only to give a bad one the time
		}
		select {
		case <-done:
		case <-time.After(wait):
		}
		close(release)
		<-done
		wg.Wait()
		if ran == p.Barrier {
			t.Errorf("when Disconnect had returned, the handler ran: %v; the claim is Barrier: %v", ran, p.Barrier)
		}
		bus.Close()
	})
}

// Those that hang are not asked.
func TestHandlersMayCallBackWhereThatIsClaimed(t *testing.T) {
	forEach(t, func(t *testing.T, p Peer) {
		if !p.Reenter {
			t.Skip("not claimed")
		}
		bus := p.New(16)
		var later inbox
		ready := make(chan bool)
		var sub, other Sub
		calls := 0
		sub = bus.Connect(func(v int) {
			<-ready
			calls++
			bus.Disconnect(sub)
			other = bus.Connect(later.handle)
			bus.Fire(v + 1)
		})
		close(ready)
		bus.Fire(1)
		if got := later.await(t, 1); got[len(got)-1] != 2 || calls != 1 {
			t.Errorf("got %v after %d calls, want 2 after one", got, calls)
		}
		bus.Disconnect(other)
		bus.Close()
	})
}

func TestAGroupEndsInOneCallAndTheBusGoesOnWhereThatIsClaimed(t *testing.T) {
	forEach(t, func(t *testing.T, p Peer) {
		bus := p.New(16)
		g, ok := bus.(Grouper)
		if ok != p.Group {
			t.Fatalf("has DisconnectAll: %v; the claim is Group: %v", ok, p.Group)
		}
		if ok {
			var before, after inbox
			bus.Connect(before.handle)
			bus.Connect(before.handle)
			g.DisconnectAll()
			bus.Connect(after.handle)
			bus.Fire(1)
			if after.await(t, 1); len(before.values()) != 0 {
				t.Errorf("the group that was ended got %v", before.values())
			}
		}
		bus.Close()
	})
}

func TestContestantsAreWhole(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range All() {
		if seen[p.Name] {
			t.Errorf("two contestants are called %q", p.Name)
		}
		seen[p.Name] = true
		if ByName(p.Name).Name != p.Name {
			t.Errorf("ByName(%q) is another", p.Name)
		}
		if p.Runs == "" || p.Full == "" || p.Why == "" || p.Ends == "" {
			t.Errorf("%s: something is not said of it", p.Name)
		}
		if p.ByHand != (p.Module == "") {
			t.Errorf("%s: ByHand is %v, Module %q", p.Name, p.ByHand, p.Module)
		}
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
