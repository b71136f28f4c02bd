package faults_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// A world is what one cell plays in: root > parent > o, and below root the
// owner of the signal and that of another handler, which comes last.
type world struct {
	root, parent, o, source, other *tether.Owner
	self                           *tether.Owner // what the function belongs to
	signalOwner                    *tether.Owner // of the signal that matters to the column
	signal, active                 *tether.Signal[int]
	conn                           *tether.Connection
	ctx                            context.Context // of Wait and Values
	release                        chan bool
	within                         time.Duration // what interrupts, cleanups and closers get by DestroyContext; 0: Destroy

	ran, others, ticks, reports atomic.Int32
	cleanups                    []*atomic.Int32
	owners                      []*tether.Owner

	// Written by the goroutine that makes the function run, read after done.
	done    chan struct{}
	end     string // "returned", "Goexit" or "panic ..."
	ended   bool   // o had ended by then
	result  any    // of Go, and the error of Wait and Destroy
	first   int32  // calls when the registration had returned
	took    time.Duration
	destroy error // of the Destroy in the function

	mu       sync.Mutex // guards destroy
	late     [2]atomic.Int32
	observed string // by the function
}

func newWorld(t *testing.T, supervised bool) *world {
	w := &world{release: make(chan bool), done: make(chan struct{})}
	var opts []tether.OwnerOption
	if supervised {
		opts = append(opts, tether.WithPanicHandler(func(p *tether.PanicError) {
			if p.Value == "boom" {
				w.reports.Add(1)
			}
		}))
	}
	w.root = tether.NewOwner("root", opts...)
	w.parent = w.root.NewChild("parent")
	w.o = w.parent.NewChild("o")
	w.source = w.root.NewChild("source")
	w.other = w.root.NewChild("other")
	w.self, w.signalOwner = w.o, w.source
	for _, o := range []*tether.Owner{w.root, w.parent, w.o, w.source, w.other} {
		n := new(atomic.Int32)
		w.cleanups = append(w.cleanups, n)
		w.owners = append(w.owners, o)
		o.Defer(func() { n.Add(1) })
	}
	w.signal = tether.NewSignal[int](w.source)
	w.signal.Connect(w.other, func(int) { w.others.Add(1) }, tether.Priority(-1))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	w.ctx = ctx
	return w
}

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

func ended(o *tether.Owner) bool {
	select {
	case <-o.Ended():
		return true
	default:
		return false
	}
}

func requireEnded(t *testing.T, owners ...*tether.Owner) {
	t.Helper()
	for _, o := range owners {
		require.True(t, ended(o), "%v has ended", o)
	}
}

// finish checks what must hold after every fault.
func (w *world) finish(t *testing.T) {
	t.Helper()
	<-w.done // stuck: the bubble's deadlock panic says so

	// Not poisoned: the signal still works, for owners whose Destroy waits for nobody.
	if w.source.Alive() {
		fresh, n := tether.NewOwner("fresh"), 0
		again := w.ran.Load()
		if w.conn != nil && w.conn.Connected() && w.ticks.Load() == 0 {
			again++ // the handler at fault, too, on its queue or not
		}
		w.signal.Connect(fresh, func(int) { n++ })
		w.signal.Fire(3)
		synctest.Wait()
		require.Equal(t, again, w.ran.Load(), "calls of the function at fault after a further Fire")
		require.Equal(t, 1, n, "calls of a handler connected after the fault")
		now := time.Now()
		require.NoError(t, fresh.Destroy())
		require.Zero(t, time.Since(now), "an uninvolved owner waited")
	}

	// Not stuck, nothing lost, nothing twice, nothing leaked.
	require.NoError(t, w.root.Destroy())
	requireEnded(t, w.owners...)
	for i, n := range w.cleanups {
		require.EqualValues(t, 1, n.Load(), "runs of the cleanup of %v", w.owners[i])
	}
	require.Zero(t, w.root.Stats())
	require.Zero(t, w.signal.Len())
	if w.active != nil {
		require.Zero(t, w.active.Len())
	}
	ran, others := w.ran.Load(), w.others.Load()
	w.signal.Fire(4)
	settle()
	require.Equal(t, ran, w.ran.Load(), "calls after the end")
	require.Equal(t, others, w.others.Load(), "calls after the end")
}

// healthy runs the same place once more without a fault.
func healthy(t *testing.T, c column) {
	t.Helper()
	w := newWorld(t, false)
	w.launch(c, func() {})
	settle()
	require.EqualValues(t, 1, w.ran.Load(), "calls of the function that comes after the fault")
	require.Equal(t, "returned", w.end)
	w.finish(t)
}

func TestMatrix_EveryFaultInEveryPlace(t *testing.T) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			require.Len(t, expected[r.name], len(columns))
			for i, c := range columns {
				want := expected[r.name][i]
				if strings.HasPrefix(want, "n/a: ") {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					if want == crashes && !crash(t, "panic: boom") {
						return
					}
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, r.name == "panics, supervised")
						require.Equal(t, want, r.observe(t, w, c))
						if r.name != "fires" && r.name != "dead owner" && r.name != "closed signal" {
							require.EqualValues(t, 1, w.ran.Load(), "calls of the function at fault")
						}
						w.finish(t)
						healthy(t, c)
					})
				})
			}
		})
	}
}

// crash runs the calling test again in a process of its own, which must be
// killed by what it prints. There, it reports true: go ahead.
func crash(t *testing.T, by string) bool {
	t.Helper()
	if os.Getenv("TETHER_FAULT") == t.Name() {
		return true
	}
	var parts []string
	for _, p := range strings.Split(t.Name(), "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(p)+"$")
	}
	cmd := exec.Command(os.Args[0], "-test.run="+strings.Join(parts, "/"))
	cmd.Env = append(os.Environ(), "TETHER_FAULT="+t.Name())
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "the process did not crash; it printed:\n%s", out)
	require.Contains(t, string(out), by)
	require.NotContains(t, string(out), "--- FAIL", "it failed instead")
	return false
}
