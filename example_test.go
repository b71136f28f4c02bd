package tether_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-ec287111/tether"
)

func Example() {
	var joined tether.Signal[string]

	app := tether.NewOwner("app")
	lobby := app.NewChild("lobby")
	joined.Connect(lobby, func(name string) { fmt.Println("welcome,", name) })
	lobby.Defer(func() { fmt.Println("lobby closed") })

	joined.Fire("ann")
	app.Destroy()
	joined.Fire("bob") // nobody listens any more
	// Output:
	// welcome, ann
	// lobby closed
}

// The bridge to a channel. Closing a channel on which others may still send
// panics; here nobody can, because cleanups run when every handler has returned.
func Example_channel() {
	var s tether.Signal[int]
	owner := tether.NewOwner("owner")
	values := make(chan int, 10)
	s.Connect(owner, func(v int) { values <- v })
	owner.Defer(func() { close(values) })

	go func() {
		for i := range 3 {
			s.Fire(i)
		}
		owner.Destroy()
		s.Fire(3) // not an error: there is nobody to send it
	}()
	for v := range values {
		fmt.Println(v)
	}
	// Output:
	// 0
	// 1
	// 2
}

// The main mistake: to connect again and again, from inside a handler, to an
// owner that outlives the occasion. The connections pile up. The cure is an
// owner for the occasion.
func Example_mistake() {
	var round, shot tether.Signal[int]
	game := tether.NewOwner("game")
	defer game.Destroy()

	round.Connect(game, func(int) {
		shot.Connect(game, func(int) {}) // wrong: belongs to the round, not to the game
	})
	for i := range 100 {
		round.Fire(i)
	}
	fmt.Println("leaked:", shot.Len())
	shot.DisconnectAll()
	round.DisconnectAll()

	current := game.NewChild("round")
	round.Connect(game, func(int) {
		current.Destroy()
		current = game.NewChild("round")
		shot.Connect(current, func(int) {})
	})
	for i := range 100 {
		round.Fire(i)
	}
	fmt.Println("owned:", shot.Len())
	// Output:
	// leaked: 100
	// owned: 1
}

func ExampleOwner_Destroy() {
	app := tether.NewOwner("app")
	app.Defer(func() { fmt.Println("database closed") })
	server := app.NewChild("server")
	server.Defer(func() { fmt.Println("server closed") })
	app.Defer(func() { fmt.Println("listener closed") })
	app.Go(func(ctx context.Context) {
		<-ctx.Done()
		fmt.Println("goroutine told:", context.Cause(ctx))
	})
	fmt.Println(app.Destroy())
	fmt.Println(app.Stats().Owners, "owners left")
	// Output:
	// goroutine told: tether: owner destroyed
	// listener closed
	// server closed
	// database closed
	// <nil>
	// 0 owners left
}

// Inside a handler Destroy does not wait. The last one out completes it.
func ExampleOwner_Destroy_insideHandler() {
	var quit tether.Signal[string]
	session := tether.NewOwner("session")
	session.Defer(func() { fmt.Println("cleaned up") })
	quit.Connect(session, func(string) {
		err := session.Destroy()
		fmt.Println(errors.Is(err, tether.ErrPending), session.Alive())
	})
	quit.Fire("bye")
	fmt.Println("fired")
	// Output:
	// true false
	// cleaned up
	// fired
}

func ExampleOwner_DestroyContext() {
	owner := tether.NewOwner("owner")
	release := make(chan bool)
	owner.Go(func(context.Context) { <-release }) // ignores its context

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	var pending *tether.PendingError
	if errors.As(owner.DestroyContext(ctx), &pending) {
		for _, r := range pending.Running {
			fn, _, _ := strings.Cut(r.Func, " ")
			fmt.Println(r.Kind, "of", r.Owner, fn[strings.LastIndex(fn, "tether_test."):])
		}
	}
	close(release)
	<-owner.Ended()
	fmt.Println("ended")
	// Output:
	// goroutine of owner tether_test.ExampleOwner_DestroyContext.func1
	// ended
}

func ExampleOwner_Cancel() {
	owner := tether.NewOwner("owner")
	owner.Defer(func() { fmt.Println("cleaned up elsewhere") })
	owner.Cancel(errors.New("config changed"))
	fmt.Println(owner.Alive(), context.Cause(owner.Context()))
	<-owner.Ended()
	// Unordered output:
	// false config changed
	// cleaned up elsewhere
}

func ExampleOwner_Interrupt() {
	owner := tether.NewOwner("owner")
	r := make(chan int) // stands for a listener: reading from it blocks
	owner.Interrupt(func() { close(r) })
	owner.Go(func(context.Context) {
		_, ok := <-r
		fmt.Println("unblocked:", !ok)
	})
	owner.Destroy()
	// Output:
	// unblocked: true
}

func ExampleOwner_NewChild() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	ann := app.NewChild("lobby").NewChild("ann")
	fmt.Println(ann.Path(), ann.Parent().Name(), app.Stats().Owners)
	ann.Destroy()
	fmt.Println(app.Stats().Owners)
	// Output:
	// app/lobby/ann lobby 3
	// 2
}

func ExampleOwner_AfterFunc() {
	owner := tether.NewOwner("owner")
	fired := make(chan bool)
	owner.AfterFunc(time.Millisecond, func() { close(fired) })
	owner.AfterFunc(time.Hour, func() { fmt.Println("never") })
	<-fired
	owner.Destroy() // stops the second one
	fmt.Println(owner.Stats().Timers, "timers")
	// Output:
	// 0 timers
}

type file struct{ name string }

func (f *file) Close() error { return fmt.Errorf("%s: disk full", f.name) }

func ExampleOwn() {
	owner := tether.NewOwner("owner")
	f := tether.Own(owner, &file{"log.txt"})
	fmt.Println(f.name)
	fmt.Println(owner.Destroy())
	// Output:
	// log.txt
	// log.txt: disk full
}

func ExampleRun() {
	err := tether.Run(context.Background(), "app", func(app *tether.Owner) error {
		app.Defer(func() { fmt.Println("cleaned up") })
		app.Go(func(ctx context.Context) { <-ctx.Done() })
		return errors.New("no port free")
	})
	fmt.Println(err)
	// Output:
	// cleaned up
	// no port free
}

func ExampleWithContext() {
	ctx, cancel := context.WithCancelCause(context.Background())
	request := tether.NewOwner("request", tether.WithContext(ctx))
	cancel(errors.New("client went away"))
	<-request.Ended()
	fmt.Println(context.Cause(request.Context()))
	// Output:
	// client went away
}

func ExampleWithPanicHandler() {
	var s tether.Signal[int]
	owner := tether.NewOwner("plugins", tether.WithPanicHandler(func(p *tether.PanicError) {
		fmt.Println("supervised:", p.Value, "in", p.Owner)
	}))
	defer owner.Destroy()
	s.Connect(owner, func(v int) { panic("bug") })
	s.Connect(owner, func(v int) { fmt.Println("next handler:", v) })
	s.Fire(1)
	// Output:
	// supervised: bug in plugins
	// next handler: 1
}

func ExampleSignal_Connect() {
	var s tether.Signal[string]
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	s.Connect(owner, func(v string) { fmt.Println("second", v) })
	s.Connect(owner, func(v string) { fmt.Println("first", v) }, tether.Priority(1))
	s.Fire("value")
	// Output:
	// first value
	// second value
}

func ExampleSignal_Once() {
	var s tether.Signal[int]
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	s.Once(owner, func(v int) { fmt.Println("got", v) })
	s.Fire(1)
	s.Fire(2)
	// Output:
	// got 1
}

func ExampleSignal_ConnectSelf() {
	var s tether.Signal[int]
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	s.ConnectSelf(owner, func(self *tether.Connection, v int) {
		fmt.Println(v)
		if v >= 2 {
			self.Disconnect()
		}
	})
	for i := range 5 {
		s.Fire(i)
	}
	// Output:
	// 0
	// 1
	// 2
}

func ExampleWhileActive() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	prices := tether.NewSignal[int](app, tether.WhileActive(func(active *tether.Owner) {
		fmt.Println("start polling")
		active.Interrupt(func() { fmt.Println("stop polling") })
	}))
	a := prices.Connect(app, func(int) {})
	b := prices.Connect(app, func(int) {})
	a.Disconnect()
	fmt.Println(prices.Len(), "left")
	child := app.NewChild("child")
	b.Disconnect()
	child.Destroy()
	// Unordered output:
	// start polling
	// 1 left
	// stop polling
}

func ExampleConnection_Mute() {
	var s tether.Signal[int]
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	c := s.Connect(owner, func(v int) { fmt.Println(v) })
	s.Fire(1)
	unmute := c.Mute()
	s.Fire(2)
	unmute()
	s.Fire(3)
	// Output:
	// 1
	// 3
}

func ExampleNewQueue() {
	var joined, left tether.Signal[string]
	owner := tether.NewOwner("client")
	defer owner.Destroy()
	// One queue for both signals keeps their order.
	q := tether.NewQueue(owner, 100, tether.DropOldest)
	joined.Connect(owner, func(name string) { fmt.Println("+", name) }, tether.On(q))
	left.Connect(owner, func(name string) { fmt.Println("-", name) }, tether.On(q))
	joined.Fire("ann")
	left.Fire("ann")
	joined.Fire("bob")
	q.Flush(context.Background())
	fmt.Println(q.Len(), q.Dropped())
	// Output:
	// + ann
	// - ann
	// + bob
	// 0 0
}

func ExampleManual() {
	var input tether.Signal[string]
	owner := tether.NewOwner("window")
	defer owner.Destroy()
	q := tether.NewQueue(owner, 2, tether.DropNewest, tether.Manual())
	input.Connect(owner, func(key string) { fmt.Println(key) }, tether.On(q))
	for _, key := range []string{"a", "b", "c"} {
		input.Fire(key)
	}
	fmt.Println(q.Drain(), "handled,", q.Dropped(), "dropped")
	// Output:
	// a
	// b
	// 2 handled, 1 dropped
}

func ExampleWait() {
	var ready tether.Signal[int]
	go func() {
		for ready.Len() == 0 { // until somebody waits
			time.Sleep(time.Millisecond)
		}
		ready.Fire(42)
	}()
	v, err := tether.Wait(context.Background(), &ready)
	fmt.Println(v, err)
	// Output:
	// 42 <nil>
}

func ExampleValues() {
	var s tether.Signal[int]
	go func() {
		for s.Len() == 0 {
			time.Sleep(time.Millisecond)
		}
		for i := range 10 {
			s.Fire(i)
		}
	}()
	for v := range tether.Values(context.Background(), &s, 4, tether.Block) {
		if v == 3 {
			break
		}
		fmt.Println(v)
	}
	fmt.Println(s.Len(), "connections")
	// Output:
	// 0
	// 1
	// 2
	// 0 connections
}

func ExampleNewHeartbeat() {
	owner := tether.NewOwner("owner")
	beat := tether.NewHeartbeat(owner, time.Millisecond)
	beat.Connect(owner, func(k tether.Tick) {
		fmt.Println("tick", k.N)
		if k.N == 3 {
			owner.Destroy()
		}
	})
	<-owner.Ended()
	// Output:
	// tick 1
	// tick 2
	// tick 3
}

func ExampleFixedStep() {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	physics := tether.NewHeartbeat(owner, 5*time.Millisecond, tether.FixedStep(4))
	k, _ := tether.Wait(context.Background(), physics)
	fmt.Println(k.Delta)
	// Output:
	// 5ms
}

// A Source can be made of another one. This one passes on even values only, to Once too.
func ExampleSource() {
	var numbers tether.Signal[int]
	even := tether.NewSource(func(owner *tether.Owner, f func(int), opts ...tether.ConnectOption) *tether.Connection {
		return numbers.Connect(owner, func(v int) {
			if v%2 == 0 {
				f(v)
			}
		}, opts...)
	})

	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	even.Connect(owner, func(v int) { fmt.Println("even:", v) })
	even.Once(owner, func(v int) { fmt.Println("first:", v) })
	for v := range 4 {
		numbers.Fire(v + 1)
	}
	// Output:
	// even: 2
	// first: 2
	// even: 4
}

// The firing goroutine is never held, and nothing is dropped.
func ExampleUnbounded() {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	var lines tether.Signal[int]
	log := tether.NewQueue(owner, tether.Unbounded, tether.Block, tether.Manual())
	lines.Connect(owner, func(int) {}, tether.On(log))
	for i := range 1000 {
		lines.Fire(i)
	}
	fmt.Println(log.Len(), "pending,", log.Drain(), "written")
	// Output: 1000 pending, 1000 written
}
