package faults_test

import (
	"context"
	"fmt"
	"testing/synctest"
	"time"

	"github.com/seed-ec287111/tether"
)

// A column is a place where the library calls a user's function: start makes it
// call body, on the goroutine that would get the panic if anyone does.
type column struct {
	name  string
	start func(w *world, body func())
}

type closer func()

func (c closer) Close() error { c(); return nil }

// hooked is a user's Source, whose Connect is the user code inside Wait.
type hooked struct {
	tether.Source[int]
	hook func()
}

func (h hooked) Connect(o *tether.Owner, f func(int), opts ...tether.ConnectOption) *tether.Connection {
	h.hook()
	return h.Source.Connect(o, f, opts...)
}

var columns = []column{
	{"handler", func(w *world, body func()) {
		w.conn = w.signal.Connect(w.o, func(int) { body() })
		w.signal.Fire(1)
	}},
	{"once", func(w *world, body func()) {
		w.conn = w.signal.Once(w.o, func(int) { body() })
		w.signal.Fire(1)
	}},
	{"queued handler", func(w *world, body func()) {
		q := tether.NewQueue(w.o, 1, tether.Block)
		w.conn = w.signal.Connect(w.o, func(int) { body() }, tether.On(q))
		w.signal.Fire(1)
	}},
	{"Finish queue, in the drain", func(w *world, body func()) {
		q := tether.NewQueue(w.o, 1, tether.Block, tether.Finish())
		var first tether.Signal[int]
		first.Connect(w.o, func(int) { <-w.o.Context().Done() }, tether.On(q))
		first.Fire(0)
		w.conn = w.signal.Connect(w.o, func(int) { body() }, tether.On(q))
		w.signal.Fire(1)
		w.o.Cancel(nil)
	}},
	{"goroutine", func(w *world, body func()) {
		w.result = w.o.Go(func(context.Context) { body() })
	}},
	{"timer function", func(w *world, body func()) {
		w.o.AfterFunc(time.Second, body)
	}},
	{"interrupt", func(w *world, body func()) {
		w.o.Interrupt(body)
		w.first = w.ran.Load()
		w.result = w.destroyOwn()
	}},
	{"cleanup", func(w *world, body func()) {
		w.o.Defer(body)
		w.first = w.ran.Load()
		w.result = w.destroyOwn()
	}},
	{"closer", func(w *world, body func()) {
		tether.Own(w.o, closer(body))
		w.first = w.ran.Load()
		w.result = w.destroyOwn()
	}},
	{"heartbeat tick", func(w *world, body func()) {
		h := tether.NewHeartbeat(w.source, time.Second)
		w.conn = h.Connect(w.o, func(tether.Tick) {
			if w.ticks.Add(1) == 1 {
				body()
			}
		})
	}},
	{"Values loop body", func(w *world, body func()) {
		time.AfterFunc(time.Second, func() { w.signal.Fire(1) })
		for range tether.Values(w.ctx, w.signal, 1, tether.Block) {
			body()
		}
	}},
	{"Wait", func(w *world, body func()) {
		time.AfterFunc(20*time.Second, func() { w.signal.Fire(1) })
		_, w.result = waitError(w.ctx, hooked{w.signal, body})
	}},
	{"WhileActive function", func(w *world, body func()) {
		w.signalOwner = w.o
		w.active = tether.NewSignal[int](w.o, tether.WhileActive(func(active *tether.Owner) {
			w.self = active
			body()
		}))
		w.active.Connect(w.other, func(int) {})
	}},
	{"goroutine of GoErr", func(w *world, body func()) {
		w.result = w.o.GoErr(func(context.Context) error { body(); return nil })
	}},
	{"closer of OwnBlocking", func(w *world, body func()) {
		tether.OwnBlocking(w.o, closer(body))
		w.first = w.ran.Load()
		w.result = w.destroyOwn()
	}},
	{"wake of Notify", func(w *world, body func()) { // once, as nobody drains
		q := tether.NewQueue(w.o, 10, tether.Block, tether.Manual(), tether.Notify(body))
		w.signal.Connect(w.o, func(int) {}, tether.On(q))
		w.signal.Fire(1)
	}},
}

func waitError(ctx context.Context, s tether.Source[int]) (int, any) {
	v, err := tether.Wait(ctx, s)
	if err == nil {
		return v, nil
	}
	return v, err
}

// destroyOwn destroys o, for the columns in which that makes the function run.
func (w *world) destroyOwn() any {
	var err error
	if w.within == 0 {
		err = w.o.Destroy()
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), w.within)
		defer cancel()
		err = w.o.DestroyContext(ctx)
	}
	if err != nil {
		return err
	}
	return nil
}

// launch makes body run in c, and notes how that ended for who made it.
func (w *world) launch(c column, body func()) {
	began := time.Now()
	go func() {
		defer close(w.done)
		end := "Goexit"
		defer func() {
			if p := recover(); p != nil {
				end = fmt.Sprint("panic ", p)
			}
			w.end, w.took, w.ended = end, time.Since(began), ended(w.o)
		}()
		c.start(w, func() {
			if n := w.ran.Add(1); n == 1 {
				body()
			}
		})
		end = "returned"
	}()
}

// settle lets everything happen that will, but for who waits for a release.
func settle() {
	time.Sleep(time.Minute)
	synctest.Wait()
}
