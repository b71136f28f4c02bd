package tethertest

import (
	"runtime"
	"testing"
	"time"

	"github.com/seed-ec287111/tether/internal/check"
)

// patience is how long VerifyNone waits for what is ending on other goroutines
// before it fails. Only tests that fail pay for it. It is set by tests only.
var patience = 3 * time.Second

// A verification is one call of VerifyNone.
type verification struct {
	t        testing.TB
	patience time.Duration // slept, at most
	outer    *verification // under which this one's test was started, or nil
	ended    bool          // guarded by watch.mu
}

// VerifyNone fails the test, at its end, if something that was made since the call is alive
// then: an owner, a connection, a queued value, a timer, a goroutine that belongs to an
// owner, a call of [tether.Wait] or a [tether.Values] loop. The message is a tree of what is
// left, with paths, functions and the places where it was made.
//
// Call it first, but after t.Parallel if that is called. It judges in a cleanup of t. Cleanups
// run last in, first out, so those that are registered later may still end things. VerifyNone
// waits for what is just ending by itself, such as an owner bound to t.Context.
//
// It works in tests that run in parallel. The package's comment says how it finds out which
// owner belongs to which test. In a subtest it covers the subtest. In a parent it covers all
// subtests. In a bubble call it inside, with that t, or outside.
//
// It does not report owners that [NewOwner] and [Record] made for the same test, before or
// after. It reports a lost owner, one that became garbage without Destroy, like one that is
// alive. An owner that is [tether.Unattended] can't be asked to end. VerifyNone reports it
// only while something of it runs, waits in a queue or waits for its time. VerifyNone does
// not report cleanups, interrupts and signals that older owners have got.
//
// VerifyNone panics if t is nil. Any goroutine may call it from which the test's other
// goroutines descend.
func VerifyNone(t testing.TB) {
	if check.Nil(t) {
		panic("tethertest: VerifyNone with nil testing.TB")
	}
	t.Helper()
	verify(t, patience)
}

func verify(t testing.TB, patience time.Duration) {
	t.Helper()
	v := &verification{t: t, patience: patience}
	watch.begin(v)
	t.Cleanup(func() {
		t.Helper()
		if text := v.judge(); text != "" {
			t.Errorf("%s", text)
		}
	})
}

// depth tells how many verifications v is part of; it is least for unknown.
func (v *verification) depth() int {
	switch v {
	case unknown:
		return -1
	case foreign:
		return 0
	}
	n := 0
	for ; v != nil; v = v.outer {
		n++
	}
	return n
}

// judge ends v and returns what is to be said about it, "" for nothing.
//
// What v answers for changes when it becomes the only one, or ceases to be, also if
// it is the only one again: then the patience begins anew.
func (v *verification) judge() string {
	var p pause
	for was := -1; ; { // how many had ended when it became the only one
		found, last := watch.find(v)
		now := -1
		if last {
			now = found.ends
		}
		if now != was {
			was, p = now, pause{}
		}
		if found.empty() || p.total >= v.patience {
			text := found.String() // before the end, at which what is lost drops from the list
			if watch.end(v, found, last) {
				return text
			}
			continue
		}
		p.wait()
	}
}

// A pause lets others run: at first for nothing, then for longer and longer. In a
// bubble it sleeps until nothing else can run.
type pause struct {
	n     int
	total time.Duration // slept
}

func (p *pause) wait() {
	if p.n++; p.n < 20 {
		runtime.Gosched()
		return
	}
	d := min(time.Millisecond<<min(p.n-20, 10), 50*time.Millisecond)
	time.Sleep(d)
	p.total += d
}
