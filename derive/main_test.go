package derive_test

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is what a script runs in: two sources that can end, and a subscriber below an
// ancestor of its own.
type world struct {
	t         *testing.T
	owners    [2]*tether.Owner // of the sources
	a, b      *tether.Signal[int]
	ancestor  *tether.Owner
	sub       *tether.Owner
	queues    *tether.Owner
	start     time.Time
	mu        sync.Mutex // guards log
	log       []string
	conn      *tether.Connection
	reported  int
	panicking bool
	onValue   func() // nil: nothing
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, start: time.Now()}
	for i := range w.owners {
		w.owners[i] = tether.NewOwner("source")
	}
	w.a, w.b = tether.NewSignal[int](w.owners[0]), tether.NewSignal[int](w.owners[1])
	w.ancestor = tether.NewOwner("ancestor", tether.WithPanicHandler(func(*tether.PanicError) { w.reported++ }))
	w.sub = w.ancestor.NewChild("sub")
	w.queues = tether.NewOwner("queues")
	return w
}

func (w *world) end() {
	for _, o := range append(w.owners[:], w.ancestor, w.queues) {
		o.Destroy()
	}
}

// do plays one token of a script: a3 has source a fire 3, +5 lets 5 ms pass, and a| ends
// source a.
func (w *world) do(token string) {
	switch kind, rest := token[0], token[1:]; {
	case kind == '+':
		ms, _ := strconv.Atoi(rest)
		time.Sleep(time.Duration(ms) * time.Millisecond)
	case rest == "|":
		w.owners[kind-'a'].Destroy()
	default:
		v, err := strconv.Atoi(rest)
		require.NoError(w.t, err)
		map[byte]*tether.Signal[int]{'a': w.a, 'b': w.b}[kind].Fire(v)
	}
	synctest.Wait()
}

func (w *world) now() time.Duration { return time.Since(w.start) / time.Millisecond }

func (w *world) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf("%s@%d", what, w.now()))
}

// take returns the log, and begins a new one.
func (w *world) take() (log []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	log, w.log = w.log, nil
	return log
}

// handle is the handler of the subscriber.
func (w *world) handle(v any) {
	w.note(strings.ReplaceAll(fmt.Sprint(v), " ", ","))
	if w.onValue != nil {
		w.onValue()
	}
	if w.panicking {
		panic(v)
	}
}

// watch notes the end of the subscription.
func (w *world) watch() {
	ended := w.conn.Ended()
	go func() {
		<-ended
		w.note("|")
	}()
	synctest.Wait()
}

// requireNothing requires that nothing of the subscription is left.
func (w *world) requireNothing(msg ...any) {
	w.t.Helper()
	require.False(w.t, w.conn.Connected(), msg...)
	require.Zero(w.t, w.a.Len(), msg...)
	require.Zero(w.t, w.b.Len(), msg...)
	stats := w.sub.Stats()
	stats.Owners = 0
	require.Equal(w.t, tether.Stats{}, stats, msg...)
}

// A source is what is connected in a world, whatever the type of its values.
type source interface {
	connect(w *world, once bool, opts ...tether.ConnectOption) *tether.Connection
}

type typed[T any] struct{ tether.Source[T] }

func of[T any](src tether.Source[T]) source { return typed[T]{src} }

func (s typed[T]) connect(w *world, once bool, opts ...tether.ConnectOption) *tether.Connection {
	if once {
		return s.Once(w.sub, func(v T) { w.handle(v) }, opts...)
	}
	return s.Connect(w.sub, func(v T) { w.handle(v) }, opts...)
}

// waitFor waits for what another goroutine is about to bring about.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); runtime.Gosched() {
		require.True(t, time.Now().Before(deadline), "it never came")
	}
}

// connector is a Source that somebody else has written.
type connector func(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection

func (f connector) Connect(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	return f(owner, handler, opts...)
}

func (f connector) Once(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	return f(owner, handler, opts...)
}
