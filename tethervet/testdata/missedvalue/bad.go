// Package missedvalue waits for what has been fired already, and in good.go does
// not.
package missedvalue

import (
	"context"
	"fmt"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

type service struct {
	owner     *tether.Owner
	ask, told tether.Signal[int]
	lines     tether.Source[string]
	words     tether.Signal[string]
}

func variables(ctx context.Context, app *tether.Owner) (int, error) {
	var ping, pong tether.Signal[int]
	ping.Connect(app, func(v int) { pong.Fire(v + 1) })
	ping.Fire(1)
	return tether.Wait(ctx, &pong) // want `Wait begins when ping has fired pong already`
}

func pointers(ctx context.Context, app *tether.Owner) (int, error) {
	ping, pong := tether.NewSignal[int](app), tether.NewSignal[int](app)
	ping.Connect(app, func(v int) { pong.Fire(v + 1) })
	ping.Fire(1)
	v, err := tether.Wait(ctx, pong) // want `Wait begins when ping has fired pong already`
	return v, err
}

func once(ctx context.Context, app *tether.Owner) {
	var ping, pong tether.Signal[int]
	ping.Once(app, func(v int) { pong.Fire(v + 1) })
	ping.Fire(1)
	if _, err := tether.Wait(ctx, &pong); err != nil { // want `Wait begins when ping`
		fmt.Println(err)
	}
}

func (s *service) serve() {
	s.ask.Connect(s.owner, func(v int) { s.told.Fire(v) })
}

func (s *service) call(ctx context.Context) (int, error) {
	s.ask.Fire(1)
	return tether.Wait(ctx, &s.told) // want `Wait begins when s.ask has fired s.told already`
}

func (s *service) callLater(ctx context.Context) {
	s.ask.Fire(1)
	fmt.Println("asked")
	v, _ := tether.Wait(ctx, &s.told) // want `Wait begins when s.ask`
	fmt.Println(v)
}

type echo struct {
	owner   *tether.Owner
	in, out tether.Signal[string]
}

func (e *echo) start() { e.in.Connect(e.owner, e.answer) }

func (e *echo) answer(s string) { e.out.Fire(s + s) }

func (e *echo) say(ctx context.Context, s string) (string, error) {
	e.in.Fire(s)
	return tether.Wait(ctx, &e.out) // want `Wait begins when e.in has fired e.out already`
}

func aHandlerThatFails(ctx context.Context, app *tether.Owner, f func(int) error) {
	var ping, pong tether.Signal[int]
	ping.Connect(app, func(v int) {
		if err := f(v); err != nil {
			return
		}
		pong.Fire(v)
	})
	ping.Fire(1)
	tether.Wait(ctx, &pong) // want `Wait begins when ping`
}

func onAQueue(ctx context.Context, app *tether.Owner, q *tether.Queue) {
	var ping, pong tether.Signal[int]
	ping.Connect(app, func(v int) { pong.Fire(v) }, tether.On(q))
	ping.Fire(1)
	tether.Wait(ctx, &pong) // want `Wait begins when ping`
}

func inACase(ctx context.Context, app *tether.Owner, n int) {
	var ping, pong tether.Signal[int]
	ping.Connect(app, func(v int) { pong.Fire(v) })
	switch n {
	case 1:
		ping.Fire(1)
		tether.Wait(ctx, &pong) // want `Wait begins when ping`
	}
}

func generic[T any](ctx context.Context, app *tether.Owner, x T) (T, error) {
	var ping, pong tether.Signal[T]
	ping.Connect(app, func(v T) { pong.Fire(v) })
	ping.Fire(x)
	return tether.Wait(ctx, &pong) // want `Wait begins when ping`
}

func (s *service) loop(ctx context.Context) error {
	for {
		line, err := tether.Wait(ctx, s.lines) // want `Wait in a loop misses what is fired between two rounds`
		if err != nil {
			return err
		}
		fmt.Println(line)
	}
}

func (s *service) loopOverASignal(ctx context.Context) {
	for {
		word, err := tether.Wait(ctx, &s.words) // want `Wait in a loop`
		if err != nil {
			break
		}
		fmt.Println(word)
	}
}

func (s *service) goroutine() {
	s.owner.Go(func(ctx context.Context) {
		for {
			word, err := tether.Wait(ctx, &s.words) // want `Wait in a loop`
			if err != nil {
				return
			}
			fmt.Println(word)
		}
	})
}

func until(ctx context.Context, said *tether.Signal[string]) {
	for {
		word, err := tether.Wait(ctx, said) // want `Wait in a loop`
		if err != nil || word == "bye" {
			return
		}
	}
}

func parameter[T any](ctx context.Context, src tether.Source[T], f func(T)) error {
	for {
		v, err := tether.Wait(ctx, src) // want `Wait in a loop`
		if err != nil {
			return err
		}
		f(v)
	}
}

func assigned(ctx context.Context, said *tether.Signal[string]) (last string, err error) {
	for {
		last, err = tether.Wait(ctx, said) // want `Wait in a loop`
		if err != nil {
			return
		}
	}
}

var _ = tethertest.NewOwner

func inASelect(ctx context.Context, app *tether.Owner, c chan bool) {
	var ping, pong tether.Signal[int]
	ping.Connect(app, func(v int) { pong.Fire(v) })
	select {
	case <-c:
		ping.Fire(1)
		tether.Wait(ctx, &pong) // want `Wait begins when ping`
	}
}
