package tether_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// Whatever the overflow, and however the loop ends: what was fired at it is got or counted.
func TestCountDropped_WhatTheBodyDoesNotGetIsCounted(t *testing.T) {
	const fired = 7 // the first one is got before the others come
	for _, overflow := range []tether.Overflow{tether.Block, tether.DropOldest, tether.DropNewest} {
		for name, want := range map[string]int{"break": 0, "panic": 0, "context": 0, "signal": 3, "never": 3} {
			testkit.Bubble(t, fmt.Sprintf("%v, %s", overflow, name), func(t *testing.T) {
				owner := tether.NewOwner("owner")
				s := tether.NewSignal[int](owner)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var dropped atomic.Uint64
				got := 0
				inBody, goOn := make(chan bool), make(chan bool)
				over := background(func() {
					defer func() { _ = recover() }()
					for range tether.Values(ctx, s, 3, overflow, tether.CountDropped(&dropped)) {
						got++
						if got > 1 {
							continue
						}
						inBody <- true
						<-goOn
						switch name {
						case "break":
							return
						case "panic":
							panic(name)
						}
					}
				})
				synctest.Wait()
				go s.Fire(0)
				<-inBody
				var wg sync.WaitGroup
				for v := range fired - 1 {
					wg.Go(func() { s.Fire(v + 1) })
					synctest.Wait()
				}
				switch name {
				case "context":
					cancel()
				case "signal":
					owner.Destroy()
				}
				close(goOn)
				synctest.Wait()
				if name == "never" {
					cancel()
					synctest.Wait()
					if overflow == tether.Block {
						want = fired - 1
					}
				}
				wg.Wait()
				require.True(t, over())
				require.Equal(t, 1+want, got)
				require.EqualValues(t, fired-got, dropped.Load())
				s.Fire(9)
				require.EqualValues(t, fired-got, dropped.Load(), "a value after the end")
				owner.Destroy()
			})
		}
	}
}

// A held Fire that lets go, as its goroutine's owner is cut off, has dropped its value.
func TestCountDropped_AHeldFireThatLetsGoIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner, producer := tether.NewOwner("owner"), tether.NewOwner("producer")
		var s tether.Signal[int]
		var dropped atomic.Uint64
		next, stop := iter.Pull(tether.Values(t.Context(), &s, 1, tether.Block, tether.CountDropped(&dropped)))
		go s.Fire(0)
		done := background(func() { next() })
		synctest.Wait()
		if !done() { // it has subscribed after the Fire
			s.Fire(0)
			synctest.Wait()
		}
		require.True(t, done())
		producer.Go(func(context.Context) {
			s.Fire(1)
			s.Fire(2)
		})
		synctest.Wait()
		require.Zero(t, dropped.Load())
		require.NoError(t, producer.Destroy())
		require.EqualValues(t, 1, dropped.Load())
		stop()
		require.EqualValues(t, 2, dropped.Load(), "what was kept")
		owner.Destroy()
	})
}

func TestCountDropped_MisusePanics(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var s tether.Signal[int]
		require.PanicsWithValue(t, "tether: CountDropped with nil counter", func() { tether.CountDropped(nil) })
		require.PanicsWithValue(t, "tether: Values with nil option", func() { tether.Values(t.Context(), &s, 1, tether.Block, nil) })
	})
}

func ExampleCountDropped() {
	var readings tether.Signal[int]
	var dropped atomic.Uint64
	for v := range tether.Values(context.Background(), tether.NewSource(func(owner *tether.Owner, f func(int), opts ...tether.ConnectOption) *tether.Connection {
		c := readings.Connect(owner, f, opts...)
		for v := range 10 {
			readings.Fire(v) // the loop has not begun to read
		}
		return c
	}), 4, tether.DropOldest, tether.CountDropped(&dropped)) {
		fmt.Println("got", v)
		if v == 7 {
			break
		}
	}
	fmt.Println(dropped.Load(), "dropped")
	// Output:
	// got 6
	// got 7
	// 8 dropped
}
