package faults_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// A row is a fault. observe plays it and says what happened, in the words of
// the table.
type row struct {
	name    string
	observe func(t *testing.T, w *world, c column) string
}

var rows = []row{
	{"panics", func(t *testing.T, w *world, c column) string {
		w.launch(c, func() { panic("boom") })
		settle()
		return w.sayEnd(t, c, map[string]string{"panic boom": ""})
	}},
	{"panics, supervised", func(t *testing.T, w *world, c column) string {
		w.launch(c, func() { panic("boom") })
		settle()
		if w.reports.Load() == 1 && w.end == "returned" {
			requireRest(t, w, c)
			if w.active != nil && w.active.Len() == 1 {
				return reported + ", connection stands"
			}
			return reported + w.sayTicks()
		}
		return w.sayEnd(t, c, map[string]string{"panic boom": ""})
	}},
	{"panics while something runs", func(t *testing.T, w *world, c column) string {
		left := false
		w.o.Go(func(ctx context.Context) {
			<-ctx.Done()
			time.Sleep(time.Second)
			left = true
		})
		w.launch(c, func() {
			require.False(t, ended(w.o))
			panic("boom")
		})
		settle()
		require.Equal(t, "panic boom", w.end)
		require.True(t, left)
		if !w.ended || w.took != time.Second {
			return fmt.Sprintf("panics after %v, ended: %v", w.took, w.ended)
		}
		return "to the caller of Destroy, drained and unwound"
	}},
	{"Goexit", func(t *testing.T, w *world, c column) string {
		w.launch(c, runtime.Goexit)
		settle()
		return w.sayEnd(t, c, map[string]string{"Goexit": "", "returned": ""})
	}},
	{"blocks", func(t *testing.T, w *world, c column) string {
		w.launch(c, func() { <-w.release })
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := w.o.DestroyContext(ctx)
		said := "Destroy does not wait"
		var p *tether.PendingError
		switch {
		case errors.As(err, &p):
			require.ErrorIs(t, err, tether.ErrPending)
			var kinds []string
			for _, r := range p.Running {
				kinds = append(kinds, r.Kind)
			}
			said = "Destroy waits: " + strings.Join(kinds, ", ")
			require.False(t, ended(w.o))
		case err != nil:
			return err.Error()
		}
		close(w.release)
		settle()
		require.True(t, ended(w.o))
		require.NoError(t, w.o.Destroy())
		return said
	}},
	{"blocks, in DestroyContext", func(t *testing.T, w *world, c column) string {
		w.within = time.Second
		w.launch(c, func() { <-w.release })
		time.Sleep(5 * time.Second)
		<-w.done
		require.Equal(t, time.Second, w.took, "the caller goes on when its context ends")
		err, _ := w.result.(error)
		var p *tether.PendingError
		if !errors.As(err, &p) || len(p.Running) != 1 {
			return fmt.Sprint(err)
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.False(t, w.ended)
		require.Zero(t, w.cleanups[2].Load(), "cleanups wait for what was given up on")
		close(w.release)
		settle()
		require.True(t, ended(w.o))
		return "given up on: " + p.Running[0].Kind
	}},
	{"destroys its own owner", func(t *testing.T, w *world, c column) string {
		return w.destroys(t, c, func() *tether.Owner { return w.self })
	}},
	{"destroys an ancestor", func(t *testing.T, w *world, c column) string {
		return w.destroys(t, c, func() *tether.Owner { return w.self.Parent() })
	}},
	{"destroys the signal's owner", func(t *testing.T, w *world, c column) string {
		said := w.destroys(t, c, func() *tether.Owner { return w.signalOwner })
		switch {
		case c.name == "Values loop body" && w.took < 2*time.Second:
			said += "; the loop ends"
		case c.name == "Wait" && w.result == tether.ErrDestroyed:
			said += "; ErrDestroyed"
		}
		return said
	}},
	{"two that destroy each other", func(t *testing.T, w *world, c column) string {
		v := newWorld(t, false)
		var met sync.WaitGroup
		met.Add(2)
		each := func(me, you *world) func() {
			return func() {
				met.Done()
				met.Wait()
				err := you.o.Destroy()
				me.mu.Lock()
				me.destroy = err
				me.mu.Unlock()
				time.Sleep(time.Second) // neither leaves before both have tried
			}
		}
		w.launch(c, each(w, v))
		v.launch(c, each(v, w))
		settle()
		requireEnded(t, w.o, v.o)
		v.finish(t)
		n := 0
		for _, err := range []error{w.destroy, v.destroy} {
			if errors.Is(err, tether.ErrPending) {
				n++
			} else {
				require.NoError(t, err)
			}
		}
		return [...]string{"nil twice", "nil once, ErrPending once", "ErrPending twice"}[n]
	}},
	{"fires", func(t *testing.T, w *world, c column) string {
		w.launch(c, func() { w.signal.Fire(2) })
		settle()
		require.Equal(t, "returned", w.end)
		return fmt.Sprintf("called %d, others %d", w.ran.Load(), w.others.Load())
	}},
	{"registers", func(t *testing.T, w *world, c column) string {
		w.launch(c, func() {
			conn := w.signal.Connect(w.self, func(int) {})
			started := w.self.Go(func(ctx context.Context) { <-ctx.Done() })
			child := w.self.NewChild("child")
			w.self.Interrupt(func() { w.late[0].Add(1) })
			w.self.Defer(func() { w.late[1].Add(1) })
			w.observed = fmt.Sprint(conn.Connected(), started, child.Alive(), w.late[0].Load(), w.late[1].Load())
		})
		settle()
		require.Equal(t, "returned", w.end)
		said, ok := map[string]string{
			"true true true 0 0":    live,
			"false false false 1 0": interrupting,
			"false false false 1 1": unwinding,
		}[w.observed]
		if !ok {
			return w.observed
		}
		require.NoError(t, w.root.Destroy())
		require.EqualValues(t, 1, w.late[0].Load(), "Interrupt functions run")
		require.EqualValues(t, 1, w.late[1].Load(), "Defer functions run")
		return said
	}},
	{"dead owner", func(t *testing.T, w *world, c column) string {
		require.NoError(t, w.o.Destroy())
		ended := errors.New("ended")
		ctx, cancel := context.WithCancelCause(w.ctx)
		cancel(ended)
		w.ctx = ctx
		w.launch(c, func() {})
		settle()
		switch c.name {
		case "Wait":
			if w.result == ended { // its Source was asked, which is its own business
				return "ended context: its cause"
			}
		case "Values loop body":
			return "ended context: " + w.sayDead()
		}
		return w.sayDead()
	}},
	{"closed signal", func(t *testing.T, w *world, c column) string {
		require.NoError(t, w.source.Destroy())
		w.launch(c, func() {})
		settle()
		if w.result == tether.ErrDestroyed {
			return "ErrDestroyed"
		}
		return w.sayDead()
	}},
}

// sayEnd says where a panic or Goexit went.
func (w *world) sayEnd(t *testing.T, c column, known map[string]string) string {
	if _, ok := known[w.end]; !ok {
		return w.end
	}
	requireRest(t, w, c)
	panicked := strings.HasPrefix(w.end, "panic")
	say := func(verb, who string) string {
		if panicked {
			return "to the " + who
		}
		return verb + " the " + who
	}
	if w.end == "returned" {
		return endsCall + w.sayTicks()
	}
	switch c.name {
	case "handler", "once", "wake of Notify":
		return say("ends", "firer") + ", after the rest"
	case "interrupt", "cleanup", "closer", "closer of OwnBlocking":
		requireEnded(t, w.o)
		return say("ends", "caller of Destroy") + ", after the rest"
	case "Values loop body":
		require.Equal(t, 1, w.signal.Len(), "only the other handler is left")
		if panicked {
			return "out of the loop, unsubscribed"
		}
		return "ends the loop's goroutine, unsubscribed"
	case "Wait":
		require.Equal(t, 1, w.signal.Len(), "only the other handler is left")
		return say("ends", "caller of Wait") + ", unsubscribed"
	case "WhileActive function":
		require.Equal(t, 1, w.active.Len())
		return say("ends", "caller of Connect") + ", connection stands"
	}
	return w.end
}

// requireRest: the other handler of the Fire, if there was one, was called.
func requireRest(t *testing.T, w *world, c column) {
	t.Helper()
	switch c.name {
	case "handler", "once", "queued handler", "wake of Notify":
		require.EqualValues(t, 1, w.others.Load(), "calls of the handler after the one at fault")
	}
}

func (w *world) sayTicks() string {
	if w.ticks.Load() > 10 {
		return "; ticks go on"
	}
	return ""
}

func (w *world) sayDead() string {
	switch n := w.ran.Load(); {
	case n == 1 && w.first == 1:
		return atOnce
	case n != 0:
		return fmt.Sprintf("called %d", n)
	case w.conn != nil && !w.conn.Connected():
		return deadConn
	case w.result == false:
		return "false, never called"
	}
	return "never called"
}

// destroys has the function destroy an owner.
func (w *world) destroys(t *testing.T, c column, target func() *tether.Owner) string {
	w.launch(c, func() {
		o := target()
		err := o.Destroy()
		w.mu.Lock()
		w.destroy = err
		w.mu.Unlock()
		if o.Alive() || ended(o) != (err == nil) {
			w.observed = fmt.Sprintf("after Destroy: %v, alive %v, ended %v", err, o.Alive(), ended(o))
		}
	})
	settle()
	require.Equal(t, "returned", w.end)
	if w.observed != "" {
		return w.observed
	}
	requireEnded(t, target())
	switch w.destroy {
	case nil:
		return complete
	case tether.ErrPending:
		return pending
	}
	return w.destroy.Error()
}
