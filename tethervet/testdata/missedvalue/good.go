package missedvalue

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
)

func firedElsewhere(ctx context.Context, app *tether.Owner) (int, error) {
	var ping, pong tether.Signal[int]
	ping.Connect(app, func(v int) { pong.Fire(v + 1) })
	go ping.Fire(1)
	return tether.Wait(ctx, &pong)
}

func subscribedBefore(ctx context.Context, app *tether.Owner) int {
	var ping, pong tether.Signal[int]
	ping.Connect(app, func(v int) { pong.Fire(v + 1) })
	got := make(chan int, 1)
	pong.Once(app, func(v int) { got <- v })
	ping.Fire(1)
	return <-got
}

func unrelated(ctx context.Context, app *tether.Owner, other tether.Source[int]) {
	var ping tether.Signal[int]
	ping.Connect(app, func(v int) { fmt.Println(v) })
	ping.Fire(1)
	tether.Wait(ctx, other)
}

func perhaps(ctx context.Context, app *tether.Owner) {
	var ping, pong tether.Signal[int]
	ping.Connect(app, func(v int) {
		if v > 3 {
			pong.Fire(v)
		}
	})
	ping.Fire(1)
	tether.Wait(ctx, &pong)
}

func later(ctx context.Context, app *tether.Owner) {
	var ping, pong tether.Signal[int]
	ping.Connect(app, func(v int) {
		app.AfterFunc(time.Second, func() { pong.Fire(v) })
	})
	ping.Fire(1)
	tether.Wait(ctx, &pong)
}

func onAGoroutine(ctx context.Context, app *tether.Owner) {
	var ping, pong tether.Signal[int]
	ping.Connect(app, func(v int) { go pong.Fire(v) })
	ping.Fire(1)
	tether.Wait(ctx, &pong)
}

func firedTwice(ctx context.Context, app *tether.Owner) {
	var ping, pong tether.Signal[int]
	ping.Connect(app, func(v int) { pong.Fire(v) })
	app.AfterFunc(time.Second, func() { pong.Fire(2) })
	ping.Fire(1)
	tether.Wait(ctx, &pong)
}

func gated(ctx context.Context, app *tether.Owner, q *tether.Queue) {
	var ping, pong tether.Signal[int]
	gate := make(chan bool)
	ping.Connect(app, func(v int) { <-gate; pong.Fire(v) }, tether.On(q))
	ping.Fire(1)
	go func() { gate <- true }()
	tether.Wait(ctx, &pong)
}

func disconnected(ctx context.Context, app *tether.Owner) {
	var ping, pong tether.Signal[int]
	c := ping.Connect(app, func(v int) { pong.Fire(v) })
	c.Disconnect()
	ping.Fire(1)
	tether.Wait(ctx, &pong)
}

func destroyed(ctx context.Context) {
	var ping, pong tether.Signal[int]
	app := tether.NewOwner("app")
	ping.Connect(app, func(v int) { pong.Fire(v) })
	app.Destroy()
	ping.Fire(1)
	tether.Wait(ctx, &pong)
}

func notBefore(ctx context.Context, app *tether.Owner) {
	var ping, pong tether.Signal[int]
	ping.Connect(app, func(v int) { pong.Fire(v) })
	tether.Wait(ctx, &pong)
	ping.Fire(1)
}

func theSame(ctx context.Context, s *tether.Signal[int]) {
	s.Fire(1)
	tether.Wait(ctx, s) // the next one
}

func values(ctx context.Context, said *tether.Signal[string]) {
	for word := range tether.Values(ctx, said, 8, tether.Block) {
		fmt.Println(word)
	}
}

func ticks(ctx context.Context, beats tether.Source[tether.Tick], h *tether.Heartbeat) {
	for {
		t, err := tether.Wait(ctx, beats)
		if err != nil {
			return
		}
		fmt.Println(t.N)
	}
}

func heartbeat(ctx context.Context, h *tether.Heartbeat) {
	for {
		t, err := tether.Wait(ctx, h)
		if err != nil {
			return
		}
		fmt.Println(t.N)
	}
}

func sticky(ctx context.Context, last *history.Ring[string]) {
	for {
		s, err := tether.Wait(ctx, last)
		if err != nil {
			return
		}
		fmt.Println(s)
	}
}

func counted(ctx context.Context, said *tether.Signal[string]) {
	for range 3 {
		word, _ := tether.Wait(ctx, said)
		fmt.Println(word)
	}
}

func onACondition(ctx context.Context, changed *tether.Signal[string], ready func() bool) {
	for !ready() {
		v, _ := tether.Wait(ctx, changed)
		fmt.Println(v)
	}
}

func asked(ctx context.Context, ask, told *tether.Signal[string]) {
	for {
		go ask.Fire("next")
		v, err := tether.Wait(ctx, told)
		if err != nil {
			return
		}
		fmt.Println(v)
	}
}

func woken(ctx context.Context, changed *tether.Signal[string], draw func()) {
	for {
		if _, err := tether.Wait(ctx, changed); err != nil {
			return
		}
		draw()
	}
}

func another(ctx context.Context, next func() *tether.Signal[string]) {
	for {
		s := next()
		v, err := tether.Wait(ctx, s)
		if err != nil {
			return
		}
		fmt.Println(v)
	}
}

func ignored(ctx context.Context, said *tether.Signal[string]) {
	for {
		//tethervet:ignore missedvalue only the newest counts
		word, err := tether.Wait(ctx, said)
		if err != nil {
			return
		}
		fmt.Println(word)
	}
}
