package tether_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestNotify_TheFirstValueAfterEachDrainWakes(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		wakes := 0
		q := tether.NewQueue(o, 9, tether.Block, tether.Manual(), tether.Notify(func() { wakes++ }))
		s.Connect(o, func(int) {}, tether.On(q))
		fire := func(want int, what string) {
			t.Helper()
			s.Fire(1)
			require.Equal(t, want, wakes, what)
		}
		fire(1, "a new queue is armed")
		fire(1, "one call is due")
		require.Equal(t, 2, q.Drain())
		fire(2, "after a Drain")
		require.Equal(t, 1, q.Drain())
		require.Zero(t, q.Drain())
		require.Equal(t, 2, wakes, "a Drain of an empty queue calls nobody")
		fire(3, "but arms too")
		s.DisconnectAll()
		require.Zero(t, q.Drain(), "what was pending has gone with its connection")
		s.Connect(o, func(int) {}, tether.On(q))
		fire(4, "after a Drain that found nothing, though its wake-up was due")
	})
}

// Drain handles what is there when it begins; what its handlers fire is for the next one.
func TestNotify_AValueFiredInADrainWakes(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		wakes := 0
		var q *tether.Queue
		q = tether.NewQueue(o, 9, tether.Block, tether.Manual(), tether.Notify(func() {
			wakes++
			assert.NotZero(t, q.Len(), "the value is queued by then, and no lock held")
		}))
		s.Connect(o, func(v int) {
			if v > 0 {
				s.Fire(v - 1)
				s.Fire(0)
			}
		}, tether.On(q))
		s.Fire(2)
		require.Equal(t, 1, wakes)
		require.Equal(t, 1, q.Drain())
		require.Equal(t, 2, wakes, "the handler's two values wake once")
		s.Fire(0)
		require.Equal(t, 2, wakes, "the end of a Drain does not arm")
		require.Equal(t, 3, q.Drain())
		require.Equal(t, 3, wakes)
		require.Equal(t, 2, q.Drain())
		require.Equal(t, 3, wakes)
	})
}

// A handler that runs a loop of its own, as a dialog does, took the wake-up, and its Drain did
// nothing. So the value waited, and so did all that came after it.
func TestNotify_ADrainInAHandlerUsesUpNoWakeUp(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[string]
		wakes := 0
		q := tether.NewQueue(o, 9, tether.Block, tether.Manual(), tether.Notify(func() { wakes++ }))
		var c *tether.Connection
		c = s.Connect(o, func(v string) {
			if v != "dialog" && v != "last words" {
				return
			}
			s.Fire("value")
			require.Zero(t, q.Drain())
			if v == "last words" {
				c.Disconnect()
			}
		}, tether.On(q))
		s.Fire("dialog")
		require.Equal(t, 1, q.Drain())
		require.Equal(t, 1, q.Len())
		require.Equal(t, 3, wakes, "the value is waiting")
		s.Fire("another")
		require.Equal(t, 3, wakes, "a Drain is due")
		require.Equal(t, 2, q.Drain())

		s.Fire("last words")
		require.Equal(t, 1, q.Drain())
		require.Zero(t, q.Len())
		require.Equal(t, 5, wakes, "nothing is waiting")
		s.Connect(o, func(string) {}, tether.On(q))
		s.Fire("value")
		require.Equal(t, 6, wakes)
	})
}

// If a wake-up were missed, the loop would sleep while a value is pending, and the test
// with it: the bubble finds that all are blocked.
func TestNotify_NoWakeUpIsMissed(t *testing.T) {
	for _, overflow := range []tether.Overflow{tether.Block, tether.DropOldest, tether.DropNewest} {
		testkit.Bubble(t, fmt.Sprint(overflow), func(t *testing.T) {
			const firers, each = 4, 200
			o := tether.NewOwner("o")
			var s tether.Signal[int]
			woken := make(chan struct{}, 1)
			q := tether.NewQueue(o, 3, overflow, tether.Manual(), tether.Notify(func() {
				select {
				case woken <- struct{}{}:
				default:
				}
			}))
			handled := uint64(0)
			s.Connect(o, func(int) { handled++ }, tether.On(q))
			var wg sync.WaitGroup
			for range firers {
				wg.Go(func() {
					for v := range each {
						s.Fire(v)
						if v%7 == 0 {
							runtime.Gosched()
						}
					}
				})
			}
			for handled+q.Dropped() < firers*each {
				<-woken
				q.Drain()
			}
			wg.Wait()
			require.EqualValues(t, firers*each, handled+q.Dropped())
			o.Destroy()
		})
	}
}

func TestNotify_DestroyWaitsForWakeAndNoneComesAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, other := tether.NewOwner("app"), tether.NewOwner("other")
		var s tether.Signal[int]
		entered, leave := make(chan struct{}), make(chan struct{})
		wakes := 0
		q := tether.NewQueue(app, 9, tether.Block, tether.Manual(), tether.Notify(func() {
			wakes++
			close(entered)
			<-leave
		}))
		s.Connect(other, func(int) {}, tether.On(q))
		go s.Fire(1)
		<-entered
		over := background(func() { app.Destroy() })
		synctest.Wait()
		require.False(t, over(), "Destroy while wake runs")
		close(leave)
		synctest.Wait()
		require.True(t, over())
		s.Fire(2)
		require.Equal(t, 1, wakes)
		other.Destroy()
	})
}

func TestNotify_InsideWakeDestroyBehavesAsInAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		var s tether.Signal[int]
		s.Connect(app, func(int) {}, tether.On(tether.NewQueue(app, 9, tether.Block, tether.Manual(), tether.Notify(func() {
			assert.ErrorIs(t, app.Destroy(), tether.ErrPending)
		}))))
		s.Fire(1)
		<-app.Ended()
	})
}

func TestNotify_APanicOfWakeGoesOnAndTheValueStands(t *testing.T) {
	for _, once := range []bool{false, true} {
		for _, supervised := range []bool{false, true} {
			testkit.Bubble(t, fmt.Sprintf("once=%v supervised=%v", once, supervised), func(t *testing.T) {
				var reports journal[*tether.PanicError]
				var opts []tether.OwnerOption
				if supervised {
					opts = append(opts, tether.WithPanicHandler(reports.add))
				}
				o := tether.NewOwner("o", opts...)
				var s tether.Signal[int]
				q := tether.NewQueue(o, 9, tether.Block, tether.Manual(), tether.Notify(func() { panic("no loop") }))
				if once {
					s.Once(o, func(int) {}, tether.On(q))
				} else {
					s.Connect(o, func(int) {}, tether.On(q))
				}
				after := 0
				s.Connect(o, func(int) { after++ })
				if supervised {
					s.Fire(1)
					require.Equal(t, "no loop", reports.all()[0].Value)
				} else {
					require.PanicsWithValue(t, "no loop", func() { s.Fire(1) })
				}
				require.Equal(t, 1, after)
				require.Equal(t, 1, q.Drain())
				if once {
					require.Equal(t, 1, s.Len())
				}
				require.NoError(t, o.Destroy())
			})
		}
	}
}

func TestNotify_WakeIsGarbageWhenTheQueueHasEnded(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var q *tether.Queue
		gone := func() weak.Pointer[[1 << 10]int] {
			big := new([1 << 10]int)
			q = tether.NewQueue(o, 1, tether.Block, tether.Manual(), tether.Notify(func() { big[0]++ }))
			return weak.Make(big)
		}()
		runtime.GC()
		require.NotNil(t, gone.Value())
		o.Destroy()
		runtime.GC()
		require.Nil(t, gone.Value())
		runtime.KeepAlive(q)
	})
}

func TestNotify_MisusePanicsBeforeAnythingChanges(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		require.PanicsWithValue(t, "tether: Notify with nil function", func() { tether.Notify(nil) })
		require.PanicsWithValue(t, "tether: NewQueue with Notify, but not Manual", func() {
			tether.NewQueue(o, 1, tether.Block, tether.Notify(func() {}))
		})
		tether.NewQueue(o, 1, tether.Block, tether.Notify(func() {}), tether.Manual()) // in any order
	})
}

// A loop that sleeps until there is something to do.
func ExampleNotify() {
	window := tether.NewOwner("window")
	var clicked tether.Signal[string]
	woken := make(chan struct{}, 1)
	events := tether.NewQueue(window, 100, tether.Block, tether.Manual(), tether.Notify(func() {
		select {
		case woken <- struct{}{}:
		default: // a wake-up is due already
		}
	}))
	open := true
	clicked.Connect(window, func(button string) {
		fmt.Println(button)
		open = button != "close"
	}, tether.On(events))

	go func() {
		clicked.Fire("save")
		clicked.Fire("close")
	}()
	for open {
		<-woken
		events.Drain()
	}
	window.Destroy()
	// Output:
	// save
	// close
}
