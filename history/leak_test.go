package history_test

import (
	"log/slog"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/internal/testkit"
)

type payload struct{ bytes [64]byte }

func fire(s *tether.Signal[*payload]) weak.Pointer[payload] {
	p := new(payload)
	s.Fire(p)
	return weak.Make(p)
}

func TestLeak_ValuesAreGarbageOnceNobodyIsToGetThem(t *testing.T) {
	owner, other := tether.NewOwner("owner"), tether.NewOwner("other")
	defer other.Destroy()
	var s tether.Signal[*payload]
	r := history.Record(owner, &s, 2)
	r.Connect(other, func(*payload) {})
	over := r.Connect(other, func(*payload) {})
	over.Disconnect() // held, but over
	var all []weak.Pointer[payload]
	for range 4 {
		all = append(all, fire(&s))
	}
	testkit.Collect(t, "what the ring does not keep", func() bool { return all[0].Value() == nil && all[1].Value() == nil })
	require.NotNil(t, all[2].Value())
	require.NotNil(t, all[3].Value())
	owner.Destroy()
	testkit.Collect(t, "what a destroyed ring kept", func() bool { return all[2].Value() == nil && all[3].Value() == nil })
	runtime.KeepAlive(r)
	runtime.KeepAlive(over)
}

func TestLeak_AHandlerIsGarbageAtTheCutOff(t *testing.T) {
	owner, _, r := newRing(t, 2, 2)
	p := new(payload)
	w := weak.Make(p)
	c := r.Connect(owner, func(int) { p.bytes[0]++ })
	c.Disconnect()
	testkit.Collect(t, "the handler", func() bool { return w.Value() == nil })
	runtime.KeepAlive(c)
	runtime.KeepAlive(r)
}

func TestLeak_ConnectDisconnectPairsLeaveTheHeapFlat(t *testing.T) {
	owner, s, r := newRing(t, 2, 2)
	pair := func(i int) {
		r.Connect(owner, func(int) {}, tether.Priority(i)).Disconnect()
		r.Once(owner, func(int) {})
	}
	for i := range 1000 {
		pair(i)
	}
	before := testkit.Heap()
	for i := range 30_000 {
		pair(i)
	}
	require.Less(t, testkit.Heap()-before, int64(64<<10), "bytes grown")
	require.Equal(t, 1, owner.Stats().Connections)
	runtime.KeepAlive(s)
}

func TestRecord_AllocatesOncePerValue(t *testing.T) {
	owner, s, r := newRing(t, 10, 10)
	for range 5 {
		r.Connect(owner, func(int) {})
	}
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { s.Fire(1) }), 1.0)
}

// That an owner's handle is collected is what it takes to have it reported.
func TestLeak_NeitherARingNorItsSourceHidesALostOwner(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	defer slog.SetDefault(before)
	var s tether.Signal[int]
	var r *history.Ring[int]
	w := func() weak.Pointer[tether.Owner] {
		o := tether.NewOwner("forgotten")
		r = history.Record(o, &s, 3)
		s.Fire(1)
		r.Connect(o, func(int) {})
		return weak.Make(o)
	}()
	testkit.Collect(t, "the lost owner", func() bool { return w.Value() == nil })
	require.Equal(t, 1, r.Len())
	runtime.KeepAlive(&s)
}
