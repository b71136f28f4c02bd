package connlist

import (
	"reflect"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether/internal/scope"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newScope(t *testing.T) *scope.Scope {
	s := scope.New("s", scope.Config{})
	t.Cleanup(func() { require.NoError(t, s.Destroy()) })
	return s
}

// connect connects n connections of one priority.
func connect(t *testing.T, l *List, owner *scope.Scope, priority, n int) (conns []*Conn) {
	for range n {
		c := new(Conn)
		require.True(t, l.Connect(c, owner, Word(func(int) {}), priority, false, nil))
		conns = append(conns, c)
	}
	return conns
}

func disconnect(t *testing.T, conns []*Conn) {
	for _, c := range conns {
		require.True(t, c.Disconnect())
	}
}

// fire is Signal.Fire.
func fire(l *List, v int) {
	Mark[int](reflect.TypeFor[int]())
	if b := l.Head(); b != nil {
		Fire(l, b, v)
	}
}

// collected reports whether the collector takes what p points to.
func collected[T any](p weak.Pointer[T]) bool {
	for range 20 {
		if p.Value() == nil {
			return true
		}
		runtime.GC()
	}
	return false
}
