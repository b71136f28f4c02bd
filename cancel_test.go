package tether_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestCancel_UnderALockThatHandlersAndCleanupsWant(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var mu sync.Mutex
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		entered := make(chan bool)
		locked := func() { mu.Lock(); defer mu.Unlock() }
		s.Connect(o, func(int) { close(entered); locked() })
		o.Defer(locked)
		o.Interrupt(locked)
		cause := errors.New("enough")
		mu.Lock()
		go s.Fire(1)
		<-entered
		o.Cancel(cause)
		o.Cancel(errors.New("too late"))
		require.False(t, o.Alive())
		require.Equal(t, cause, context.Cause(o.Context()))
		mu.Unlock()
		<-o.Ended()
		require.NoError(t, o.Destroy())
	})
}

func TestCancel_RunsNoUserCodeOnTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var ran atomic.Int32
		o.Defer(func() { ran.Add(1) })
		o.NewChild("c").Defer(func() { ran.Add(1) })
		o.Interrupt(func() { ran.Add(1) })
		held := make(chan bool)
		o.Interrupt(func() { <-held })
		o.Cancel(nil)
		require.Zero(t, ran.Load())
		require.Equal(t, tether.ErrDestroyed, context.Cause(o.Context()))
		close(held)
		<-o.Ended()
		require.Equal(t, int32(3), ran.Load())
	})
}

func TestCancel_OfAQuietOwnerIsCompleteAtOnce(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		s.Connect(o, func(int) {})
		o.Cancel(nil)
		require.True(t, ended(o))
		require.Zero(t, s.Len())
	})
}

// inside reports whether the caller was called, by whatever way, by a function
// whose name ends in name.
func inside(name string) bool {
	var pcs [100]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, name) {
			return true
		}
		if !more {
			return false
		}
	}
}

// These call no user code on the caller, who may hold any lock. They looked
// whether there was anything to unwind, and if not, finished the owner off
// themselves; but a Defer between the look and the deed was then theirs to run.
func TestCancel_ACleanupRegisteredInTheLastMomentRunsOnNoCaller(t *testing.T) {
	testkit.Procs(t, 2)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	verbs := []struct {
		name string
		make func() (target *tether.Owner, end func())
	}{
		{"(*Owner).Cancel", func() (*tether.Owner, func()) {
			o := owner.NewChild("target")
			return o, func() { o.Cancel(nil) }
		}},
		{"(*Owner).DestroyContext", func() (*tether.Owner, func()) {
			o := owner.NewChild("target")
			return o, func() { _ = o.DestroyContext(ended) }
		}},
		{"(*Connection).Disconnect", func() (o *tether.Owner, end func()) {
			s := tether.NewSignal[int](owner, tether.WhileActive(func(active *tether.Owner) { o = active }))
			c := s.Connect(owner, func(int) {})
			return o, func() { c.Disconnect() }
		}},
	}
	var target, busy atomic.Pointer[tether.Owner]
	var over atomic.Bool
	var wrong atomic.Value // the verb that ran a cleanup
	cleanup := func() {
		for _, verb := range verbs {
			if inside("tether." + verb.name) {
				wrong.Store(verb.name)
			}
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for !over.Load() {
			if o := target.Load(); o != nil && o.Alive() {
				busy.Store(o)
				o.Defer(cleanup)() // there, gone, there, gone
			}
		}
	})
	// On a busy machine the two wait for each other for long.
	deadline := time.Now().Add(200 * time.Millisecond)
	for round := 0; round < 5000 && time.Now().Before(deadline); round++ {
		o, end := verbs[round%len(verbs)].make()
		target.Store(o)
		for busy.Load() != o {
			runtime.Gosched()
		}
		for range round % 32 {
			over.Load()
		}
		end()
	}
	over.Store(true)
	wg.Wait()
	<-target.Load().Ended()
	require.Nil(t, wrong.Load(), "ran a cleanup on its caller")
}
