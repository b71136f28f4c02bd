package linear

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seed-ec287111/tether"
)

// wanted returns how many operations to check: LINEAR_OPS, or a few.
func wanted(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("LINEAR_OPS"))
	if err != nil {
		n = 100_000
		if testing.Short() {
			n = 30_000
		}
	}
	return n
}

func TestConnection_WhatGoroutinesSeeIsLinearizable(t *testing.T) {
	total, histories := 0, 0
	begin := time.Now()
	for seed := uint64(time.Now().UnixNano()); total < wanted(t); seed++ {
		h := record(library(), seed)
		if !h.ok() {
			t.Fatalf("history with seed %d can't be explained (%d calls outlived Destroy)", seed, h.late.Load())
		}
		total += h.total
		histories += conns
	}
	t.Logf("%d operations in %d histories, %v", total, histories, time.Since(begin).Round(time.Millisecond))
}

func TestLen_IsLinearizable(t *testing.T) {
	total, histories := 0, 0
	begin := time.Now()
	for seed := uint64(time.Now().UnixNano()); total < wanted(t)/4; seed++ {
		ops := recordLen(library(), seed)
		if !porcupine.CheckOperations(count, ops) {
			t.Fatalf("history with seed %d can't be explained: %v", seed, ops)
		}
		total += len(ops)
		histories++
	}
	t.Logf("%d operations in %d histories, %v", total, histories, time.Since(begin).Round(time.Millisecond))
}

// TestPlantedBugs shows that the checks can fail.
func TestPlantedBugs(t *testing.T) {
	for _, bug := range []struct {
		name  string
		plant func(*subject)
	}{
		{"Disconnect that comes into force later", func(s *subject) {
			s.disconnect = func(c *tether.Connection) bool {
				if !c.Connected() {
					return false
				}
				go c.Disconnect()
				return true
			}
		}},
		{"Disconnect that two may have done", func(s *subject) {
			s.disconnect = func(c *tether.Connection) bool {
				ok := c.Connected()
				time.Sleep(time.Microsecond)
				c.Disconnect()
				return ok
			}
		}},
		{"Once that looks before it is spent", func(s *subject) {
			s.once = func(sig *tether.Signal[*shot], o *tether.Owner, h func(*shot)) *tether.Connection {
				var spent atomic.Bool
				return sig.ConnectSelf(o, func(c *tether.Connection, f *shot) {
					if !spent.Load() {
						h(f)
						spent.Store(true)
						c.Disconnect()
					}
				})
			}
		}},
		{"Mute that only the first undoes", func(s *subject) {
			var muted sync.Map // a flag instead of a count
			s.mute = func(c *tether.Connection) func() {
				if _, was := muted.LoadOrStore(c, true); was {
					return func() {}
				}
				unmute := c.Mute()
				return func() { muted.Delete(c); unmute() }
			}
		}},
		{"Destroy that does not wait", func(s *subject) {
			s.destroy = func(o *tether.Owner) { o.Cancel(nil) }
		}},
		{"a handler called twice", func(s *subject) {
			s.connect = func(sig *tether.Signal[*shot], o *tether.Owner, h func(*shot)) *tether.Connection {
				n := 0
				var mu sync.Mutex
				return sig.Connect(o, func(f *shot) {
					mu.Lock()
					n++
					twice := n%3 == 0
					mu.Unlock()
					h(f)
					if twice {
						h(f)
					}
				})
			}
		}},
	} {
		t.Run(bug.name, func(t *testing.T) {
			for seed := uint64(1); seed <= 20_000; seed++ {
				sub := library()
				bug.plant(&sub)
				if !record(sub, seed).ok() {
					t.Logf("found in history %d", seed)
					return
				}
			}
			t.Error("not found")
		})
	}
	t.Run("a Len that lags", func(t *testing.T) {
		for seed := uint64(1); seed <= 20_000; seed++ {
			sub := library()
			sub.disconnect = func(c *tether.Connection) bool { ok := c.Connected(); go c.Disconnect(); return ok }
			if !porcupine.CheckOperations(count, recordLen(sub, seed)) {
				t.Logf("found in history %d", seed)
				return
			}
		}
		t.Error("not found")
	})
}
