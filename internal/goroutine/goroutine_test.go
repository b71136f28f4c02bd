package goroutine_test

import (
	"context"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

func TestLivingGoroutinesHaveDifferentIds(t *testing.T) {
	const n = 200
	ids := make(chan uint64, n)
	hold := make(chan bool)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			ids <- goroutine.ID()
			<-hold // lives on
		})
	}
	seen := map[uint64]bool{goroutine.ID(): true}
	for range n {
		id := <-ids
		require.NotZero(t, id)
		require.False(t, seen[id], "two goroutines with the id %d", id)
		seen[id] = true
	}
	close(hold)
	wg.Wait()
}

func deep(n int, f func()) {
	if n > 0 {
		deep(n-1, f)
		return
	}
	f()
}

func TestAGoroutinesIdStays(t *testing.T) {
	id := goroutine.ID()
	for depth := range 100 {
		deep(depth*20, func() { require.Equal(t, id, goroutine.ID(), "%d calls down", depth*20) })
		runtime.Gosched()
	}
	func() {
		defer func() { require.Equal(t, id, goroutine.ID(), "while it panics"); recover() }()
		panic(1)
	}()
	require.NotContains(t, []uint64{0}, id)
}

func TestWhereInsideNothing(t *testing.T) {
	nothing := func() {
		inCall, owned := goroutine.Where()
		assert.False(t, inCall)
		assert.False(t, owned)
	}
	nothing()
	deep(200, nothing)
	done := make(chan bool)
	go func() { defer close(done); nothing() }()
	<-done
	defer func() {
		nothing()
		assert.Equal(t, 1, recover())
	}()
	panic(1)
}

func TestWhereInsideCallsOfTheLibrary(t *testing.T) {
	s := scope.New("s", scope.Config{})
	type answer struct{ inCall, owned bool }
	got := make(chan answer, 1)
	ask := func() {
		deep(100, func() { // the marks are further up than one buffer
			inCall, owned := goroutine.Where()
			got <- answer{inCall, owned}
		})
	}
	require.True(t, s.Go(func(context.Context) { ask() }))
	require.Equal(t, answer{false, true}, <-got, "in an owned goroutine")
	require.True(t, s.Enter())
	s.Call(ask)
	require.Equal(t, answer{true, false}, <-got, "in a call")
	s.AfterFunc(0, ask)
	require.Equal(t, answer{true, false}, <-got, "in a timer function")
	s.Interrupt(ask)
	go s.Cancel(nil)
	require.Equal(t, answer{true, false}, <-got, "in an interrupt")
	<-s.Ended()
	s.Defer(ask)
	require.Equal(t, answer{true, false}, <-got, "in a cleanup")
	s.Own(closer(ask))
	require.Equal(t, answer{true, false}, <-got, "in a closer")
}

type closer func()

func (c closer) Close() error { c(); return nil }

//go:noinline
func fails() { panic("fails") }

func TestAFunctionIsNamedWithItsFileAndLine(t *testing.T) {
	name := goroutine.Func(reflect.ValueOf(fails).Pointer())
	require.True(t, strings.HasSuffix(name, ")"), name)
	require.Contains(t, name, "goroutine_test.fails (")
	require.Contains(t, name, "goroutine_test.go:")
	require.Equal(t, "unknown", goroutine.Func(0))
}
