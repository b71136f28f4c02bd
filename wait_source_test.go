package tether_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// filtered is a Source as users write them: the values for which keep is true.
type filtered[T any] struct {
	tether.Source[T]
	keep func(T) bool
}

func (f filtered[T]) Connect(owner *tether.Owner, handler func(T), opts ...tether.ConnectOption) *tether.Connection {
	return f.Source.Connect(owner, func(v T) {
		if f.keep(v) {
			handler(v)
		}
	}, opts...)
}

// mapped is a Source of another type.
type mapped[T, U any] struct {
	src tether.Source[T]
	f   func(T) U
}

func (m mapped[T, U]) Connect(owner *tether.Owner, handler func(U), opts ...tether.ConnectOption) *tether.Connection {
	return m.src.Connect(owner, func(v T) { handler(m.f(v)) }, opts...)
}

func (m mapped[T, U]) Once(owner *tether.Owner, handler func(U), opts ...tether.ConnectOption) *tether.Connection {
	return m.src.Once(owner, func(v T) { handler(m.f(v)) }, opts...)
}

// hooked is a Source that calls connected before Connect returns.
type hooked[T any] struct {
	tether.Source[T]
	connected func()
}

func (h hooked[T]) Connect(owner *tether.Owner, handler func(T), opts ...tether.ConnectOption) *tether.Connection {
	c := h.Source.Connect(owner, handler, opts...)
	h.connected()
	return c
}

func TestWaitAndValues_TakeAUsersSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := tether.NewOwner("source")
		defer source.Destroy()
		s := tether.NewSignal[int](source)
		even := filtered[int]{s, func(v int) bool { return v%2 == 0 }}
		text := mapped[int, string]{even, strconv.Itoa}

		done := goWait(t.Context(), text)
		got, over := goValues(t.Context(), text, 10, tether.Block, forever)
		synctest.Wait()
		assert.Equal(t, 2, s.Len())
		s.Fire(1)
		synctest.Wait()
		assert.Empty(t, done, "Wait returned a value that was filtered out")
		s.Fire(2)
		s.Fire(3)
		s.Fire(4)
		synctest.Wait()
		assert.Equal(t, waitResult[string]{"2", nil}, <-done)
		assert.Equal(t, []string{"2", "4"}, got.all())

		done = goWait(t.Context(), text)
		synctest.Wait()
		require.NoError(t, source.Destroy())
		synctest.Wait()
		assert.Equal(t, waitResult[string]{"", tether.ErrDestroyed}, <-done)
		assert.True(t, over(), "the loop ended with the signal")
	})
}

// A wrapper that connects twice says with what it returns which one counts.
func TestWaitAndValues_EndWithTheConnectionThatAUsersSourceReturns(t *testing.T) {
	for _, test := range []struct {
		name  string
		ended bool
		kill  func(a, b *tether.Signal[int])
	}{
		{"TheOneReturned", true, func(a, _ *tether.Signal[int]) { a.DisconnectAll() }},
		{"AnotherOne", false, func(_, b *tether.Signal[int]) { b.DisconnectAll() }},
	} {
		testkit.Bubble(t, test.name, func(t *testing.T) {
			var a, b tether.Signal[int]
			both := merged{&a, &b}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := goWait(ctx, both)
			got, over := goValues(ctx, both, 10, tether.Block, forever)
			synctest.Wait()
			test.kill(&a, &b)
			synctest.Wait()
			assert.Equal(t, test.ended, over(), "the loop is over")
			if test.ended {
				assert.Equal(t, waitResult[int]{0, tether.ErrDestroyed}, <-done)
				assert.Zero(t, b.Len(), "the other connection ended too, with the owner")
			} else {
				assert.Empty(t, done, "Wait returned")
				a.Fire(1)
				synctest.Wait()
				assert.Equal(t, waitResult[int]{1, nil}, <-done)
				assert.Equal(t, []int{1}, got.all())
			}
		})
	}
}

// merged has the values of both, and ends with a.
type merged struct{ a, b *tether.Signal[int] }

func (m merged) Connect(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	m.b.Connect(owner, handler, opts...)
	return m.a.Connect(owner, handler, opts...)
}

func (m merged) Once(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection {
	panic("not needed")
}

// forgetful is a Source whose Connect forgets to return.
type forgetful struct{ tether.Source[int] }

func (f forgetful) Connect(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	f.Source.Connect(owner, handler, opts...)
	return nil
}

func TestWaitAndValues_NameASourceThatReturnsNoConnection(t *testing.T) {
	var s tether.Signal[int]
	require.PanicsWithValue(t, "tether: Wait on a Source whose Connect returned nil", func() {
		_, _ = tether.Wait(t.Context(), forgetful{&s})
	})
	require.PanicsWithValue(t, "tether: Values on a Source whose Connect returned nil", func() {
		for range tether.Values(t.Context(), forgetful{&s}, 1, tether.Block) {
			t.Error("a value")
		}
	})
	require.Zero(t, s.Len(), "nothing is left")
}
