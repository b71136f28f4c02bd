package tether_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

type (
	closingPointer struct{}
	closingFunc    func()
	closingMap     map[int]int
	closingChan    chan int
	closingSlice   []int
)

func (*closingPointer) Close() error { return nil }
func (f closingFunc) Close() error   { f(); return nil }
func (closingMap) Close() error      { return nil }
func (c closingChan) Close() error   { close(c); return nil }
func (closingSlice) Close() error    { return nil }

// A nil closer that is no pointer was found at Destroy only, where its Close panicked, far
// from the Own that was wrong.
func TestOwn_OfAnyKindOfNilPanicsAtTheCall(t *testing.T) {
	o := tether.NewOwner("o")
	for name, own := range map[string]func(){
		"an interface":                 func() { tether.Own[io.Closer](o, nil) },
		"a pointer":                    func() { tether.Own(o, (*closingPointer)(nil)) },
		"a func":                       func() { tether.Own(o, closingFunc(nil)) },
		"a map":                        func() { tether.Own(o, closingMap(nil)) },
		"a chan":                       func() { tether.Own(o, closingChan(nil)) },
		"a slice":                      func() { tether.Own(o, closingSlice(nil)) },
		"a func in an interface":       func() { tether.Own[io.Closer](o, closingFunc(nil)) },
		"a func, by who knows of more": func() { tether.Own[io.ReadWriteCloser](o, nil) },
	} {
		require.PanicsWithValue(t, "tether: Own with nil closer", own, name)
	}
	require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
	n := 0
	tether.Own(o, closingFunc(func() { n++ }))
	tether.Own(o, closingMap{})
	tether.Own(o, make(closingChan))
	tether.Own(o, closingSlice{})
	require.NoError(t, o.Destroy())
	require.Equal(t, 1, n)
}

// A connecting is a source that is a function, as users write them.
type connecting func(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection

func (f connecting) Connect(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	return f(owner, handler, opts...)
}

func (f connecting) Once(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	return f(owner, handler, opts...)
}

func TestWaitAndValues_OfAnyKindOfNilSourcePanicAtTheCall(t *testing.T) {
	for name, src := range map[string]tether.Source[int]{
		"an interface": nil, "a pointer": (*tether.Signal[int])(nil), "a func": connecting(nil),
	} {
		require.PanicsWithValue(t, "tether: Wait with nil Source", func() { _, _ = tether.Wait(t.Context(), src) }, name)
		require.PanicsWithValue(t, "tether: Values with nil Source", func() { tether.Values(t.Context(), src, 1, tether.Block) }, name)
	}
}
