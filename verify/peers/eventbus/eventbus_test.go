package eventbus_test

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asaskevich/EventBus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/verify/peers/eventbus"
)

func TestMain(m *testing.M) {
	if name := os.Getenv("TETHER_PEERS_DEADLOCK"); name != "" {
		os.Exit(waitsForItself(func() { inHandler[name](EventBus.New()) }))
	}
	goleak.VerifyTestMain(m)
}

// waitsForItself returns stuck when f waits for a mutex that is locked by one of its own
// callers, and 0 when it returns.
func waitsForItself(f func()) int {
	returned := make(chan bool)
	go func() { f(); close(returned) }()
	for buf := make([]byte, 1<<16); ; runtime.Gosched() {
		select {
		case <-returned:
			return 0
		default:
		}
		for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, "[sync.Mutex.Lock") && strings.Contains(stack, "EventBus.(*EventBus).Publish") {
				return stuck
			}
		}
	}
}

const stuck = 3

// both runs test with the original and with the adapter.
func both(t *testing.T, test func(t *testing.T, b EventBus.Bus, original bool)) {
	t.Run("original", func(t *testing.T) { test(t, EventBus.New(), true) })
	t.Run("tether", func(t *testing.T) { test(t, adapter(t), false) })
}

func adapter(t *testing.T) EventBus.Bus {
	app := tether.NewOwner("app")
	t.Cleanup(func() {
		require.NoError(t, app.Destroy())
		require.Equal(t, tether.Stats{}, app.Stats())
	})
	return eventbus.New(app)
}

func TestArgumentsArePassedOn(t *testing.T) {
	both(t, func(t *testing.T, b EventBus.Bus, _ bool) {
		var got []any
		require.NoError(t, b.Subscribe("t", func(n int, s string, err error) { got = append(got, n, s, err) }))
		require.NoError(t, b.Subscribe("other", func() { t.Error("called") }))
		b.Publish("t", 1, "x", nil)
		require.Equal(t, []any{1, "x", nil}, got)
		b.Publish("nobody", 1)
		require.Panics(t, func() { b.Publish("t", "of another type", "x", nil) })
		require.Panics(t, func() { b.Publish("t", 1) }, "too few")
		b.Publish("t", 2, "y", nil)
		require.Len(t, got, 6, "it goes on after that")
	})
}

func TestHandlersAreCalledInTheOrderOfSubscription(t *testing.T) {
	both(t, func(t *testing.T, b EventBus.Bus, _ bool) {
		var got []int
		for i := range 5 {
			require.NoError(t, b.Subscribe("t", func() { got = append(got, i) }))
		}
		b.Publish("t")
		require.Equal(t, []int{0, 1, 2, 3, 4}, got)
	})
}

func TestWhatIsNoFunctionIsAnError(t *testing.T) {
	both(t, func(t *testing.T, b EventBus.Bus, _ bool) {
		require.Error(t, b.Subscribe("t", "f"))
		require.Error(t, b.SubscribeOnce("t", 1))
		require.Error(t, b.SubscribeAsync("t", []int{}, true))
		require.Error(t, b.SubscribeOnceAsync("t", struct{}{}))
		require.False(t, b.HasCallback("t"))
	})
}

func TestATopicHasAnyName(t *testing.T) {
	both(t, func(t *testing.T, b EventBus.Bus, _ bool) {
		names := []string{"", "main:calculator", "a b", "*", ">", "a..b", "a.*", "%", "%2E", "ä\n\x00\xff"}
		var got []string
		for _, name := range names {
			require.NoError(t, b.Subscribe(name, func() { got = append(got, name) }))
		}
		for _, name := range names {
			b.Publish(name)
		}
		require.Equal(t, names, got)
	})
}

func TestHasCallbackAndUnsubscribe(t *testing.T) {
	both(t, func(t *testing.T, b EventBus.Bus, _ bool) {
		calls := 0
		f, other := func() { calls++ }, func(int) {}
		require.False(t, b.HasCallback("t"))
		require.Error(t, b.Unsubscribe("t", f), "nobody is there")
		require.NoError(t, b.Subscribe("t", f))
		require.True(t, b.HasCallback("t"))
		require.False(t, b.HasCallback("u"))
		require.NoError(t, b.Unsubscribe("t", other), "somebody is there")
		b.Publish("t")
		require.NoError(t, b.Unsubscribe("t", f))
		b.Publish("t")
		require.Equal(t, 1, calls)
		require.False(t, b.HasCallback("t"))
		require.Error(t, b.Unsubscribe("t", f))
	})
}

// A subscription is known by the address of its function, which two closures of one
// function share: which of them goes nobody can say. With tether it is the Connection that
// says; but the API has none.
func TestTwoClosuresOfOneFunctionAreTakenForOne(t *testing.T) {
	both(t, func(t *testing.T, b EventBus.Bus, _ bool) {
		var got []int
		var closures []func()
		for i := range 2 {
			closures = append(closures, func() { got = append(got, i) })
			require.NoError(t, b.Subscribe("t", closures[i]))
		}
		require.NoError(t, b.Unsubscribe("t", closures[1]))
		b.Publish("t")
		require.Equal(t, []int{1}, got, "the other one went")
	})
}

func TestOnceIsCalledOnce(t *testing.T) {
	both(t, func(t *testing.T, b EventBus.Bus, _ bool) {
		calls := 0
		f := func() { calls++ }
		require.NoError(t, b.SubscribeOnce("t", f))
		require.True(t, b.HasCallback("t"))
		b.Publish("t")
		require.False(t, b.HasCallback("t"))
		b.Publish("t")
		require.Equal(t, 1, calls)
		require.Error(t, b.Unsubscribe("t", f))
	})
}

// On purpose: the original takes what stands at the place where the Once stood before
// others went, so of two one stays.
func TestTwoOncesAreCalledOnceEach(t *testing.T) {
	both(t, func(t *testing.T, b EventBus.Bus, original bool) {
		var got []int
		for i := range 2 {
			require.NoError(t, b.SubscribeOnce("t", func() { got = append(got, i) }))
		}
		b.Publish("t")
		b.Publish("t")
		if original {
			require.Equal(t, []int{0, 1, 1}, got)
		} else {
			require.Equal(t, []int{0, 1}, got)
		}
	})
}

func TestAsyncIsWaitedForByWaitAsync(t *testing.T) {
	for _, transactional := range []bool{false, true} {
		both(t, func(t *testing.T, b EventBus.Bus, _ bool) {
			synctest.Test(t, func(t *testing.T) {
				if _, ok := b.(*eventbus.Bus); ok {
					b = adapter(t) // made inside the bubble
				}
				var mu sync.Mutex
				sum := 0
				f := func(n int) {
					time.Sleep(time.Second)
					mu.Lock()
					defer mu.Unlock()
					sum += n
				}
				require.NoError(t, b.SubscribeAsync("t", f, transactional))
				b.Publish("t", 1)
				mu.Lock()
				require.Zero(t, sum, "Publish does not wait")
				mu.Unlock()
				b.WaitAsync()
				require.Equal(t, 1, sum)
				b.WaitAsync()
				require.NoError(t, b.Unsubscribe("t", f))
			})
		})
	}
}

// Not transactional, the calls run beside each other; transactional, one after the other. On
// purpose: the original holds a Publish until the call before has returned, the adapter
// queues.
func TestTransactionalIsOneAfterTheOther(t *testing.T) {
	for _, transactional := range []bool{false, true} {
		both(t, func(t *testing.T, b EventBus.Bus, original bool) {
			var mu sync.Mutex
			running, most, calls, order := 0, 0, 0, []int(nil)
			all := make(chan struct{})
			require.NoError(t, b.SubscribeAsync("t", func(n int) {
				mu.Lock()
				running++
				calls++
				most = max(most, running)
				order = append(order, n)
				if running == 3 {
					close(all)
				}
				mu.Unlock()
				if !transactional {
					<-all
				}
				mu.Lock()
				running--
				mu.Unlock()
			}, transactional))
			for n := range 3 {
				b.Publish("t", n)
			}
			b.WaitAsync()
			require.Equal(t, 3, calls)
			if transactional {
				require.Equal(t, 1, most)
				require.Equal(t, []int{0, 1, 2}, order)
			} else {
				require.Equal(t, 3, most)
			}
		})
	}
}

func TestOnceAsync(t *testing.T) {
	both(t, func(t *testing.T, b EventBus.Bus, _ bool) {
		calls := make(chan int, 9)
		require.NoError(t, b.SubscribeOnceAsync("t", func(n int) { calls <- n }))
		b.Publish("t", 1)
		b.Publish("t", 2)
		b.WaitAsync()
		require.Equal(t, 1, <-calls)
		require.Empty(t, calls)
		require.False(t, b.HasCallback("t"))
	})
}

// What a handler may do that is called by Publish.
var inHandler = map[string]func(b EventBus.Bus){
	"Publish":     func(b EventBus.Bus) { within(b, func() { b.Publish("other") }) },
	"Subscribe":   func(b EventBus.Bus) { within(b, func() { _ = b.Subscribe("t", func() {}) }) },
	"Unsubscribe": func(b EventBus.Bus) { within(b, func() { _ = b.Unsubscribe("other", func() {}) }) },
	"HasCallback": func(b EventBus.Bus) { within(b, func() { b.HasCallback("other") }) },
}

func within(b EventBus.Bus, f func()) {
	_ = b.Subscribe("t", f)
	b.Publish("t")
}

// On purpose: the original holds its lock while handlers run, so all of these deadlock, as
// its users have reported (issues 35 and 52). A process of its own shows it.
func TestAHandlerMayUseTheBus(t *testing.T) {
	for name, f := range inHandler {
		t.Run(name, func(t *testing.T) {
			f(adapter(t))

			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "TETHER_PEERS_DEADLOCK="+name)
			out, _ := cmd.CombinedOutput()
			require.Equal(t, stuck, cmd.ProcessState.ExitCode(), "%s", out)
		})
	}
}

// What the original has nothing for: at the end of an owner all has ended.
func TestTheOwnersEndIsTheEndOfAll(t *testing.T) {
	app := tether.NewOwner("app")
	b := eventbus.New(app)
	var mu sync.Mutex
	ended := false
	for _, transactional := range []bool{false, true} {
		require.NoError(t, b.SubscribeAsync("t", func() {
			mu.Lock()
			defer mu.Unlock()
			require.False(t, ended)
		}, transactional))
	}
	for range 100 {
		b.Publish("t")
	}
	require.NoError(t, app.Destroy())
	mu.Lock()
	ended = true
	mu.Unlock()
	b.Publish("t")
	require.False(t, b.HasCallback("t"))
	b.WaitAsync()
	require.Equal(t, tether.Stats{}, app.Stats())
}
