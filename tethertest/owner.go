package tethertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/handle"
)

// Deadline is how long the end of a test waits for the teardown of an owner made
// by [NewOwner], and a [Recorder] for a value. In a bubble that is fake time. It
// is arbitrary: far more than a slow machine needs, and far less than the time
// that go test allows.
const Deadline = 10 * time.Second

// NewOwner returns a root owner that is named after the test. It is destroyed when the test
// ends, in turn with the other cleanups of t.
//
// The test fails if the teardown takes longer than [Deadline], with the functions that still
// run. It also fails if closers return errors. If the test has destroyed the owner itself
// before, that Destroy has returned the errors, and NewOwner does not report them.
//
// The teardown unwinds on a goroutine of its own, so that NewOwner can give up on it. So a
// cleanup of the owner that panics crashes the test binary, and a cleanup that calls
// t.FailNow ends only itself. [VerifyNone] does not report owners made by NewOwner.
//
// NewOwner panics if t is nil, and for whatever [tether.NewOwner] panics.
func NewOwner(t testing.TB, opts ...tether.OwnerOption) *tether.Owner {
	if check.Nil(t) {
		panic("tethertest: NewOwner with nil testing.TB")
	}
	t.Helper()
	return newOwner(t, t.Name(), opts...)
}

func newOwner(t testing.TB, name string, opts ...tether.OwnerOption) *tether.Owner {
	o := tether.NewOwner(name, opts...)
	s := handle.Scope("tethertest: NewOwner", o)
	watch.keep(s, t.Name())
	t.Cleanup(func() {
		t.Helper()
		if !s.Over() || s.Untold() { // it ended by itself, and no Destroy has returned its errors
			destroy(t, o)
		}
		watch.unkeep(s)
	})
	return o
}

// destroy is the end of an owner made by NewOwner.
func destroy(t testing.TB, o *tether.Owner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	err := o.DestroyContext(ctx)
	var pending *tether.PendingError
	switch {
	case errors.As(err, &pending):
		t.Errorf("tethertest: NewOwner: owner %s was told to end, and %v later it has not.\n%s",
			o, Deadline, running(pending.Running))
	case err != nil:
		t.Errorf("tethertest: NewOwner: the end of owner %s returned an error: %v", o, err)
	}
}

// hints say what those that keep a teardown waiting should have done.
var hints = []struct{ kind, text string }{
	{"goroutine", "A goroutine started by Owner.Go has to return soon after its context ends."},
	{"handler", "A handler has to return, and may not wait for what only the end of its owner brings."},
	{"timer", "A function given to AfterFunc has to return."},
	{"cleanup", "A cleanup given to Defer, or the Close of what was given to Own, has to return."},
	{"interrupt", "An interrupt, or the Close of what was given to OwnBlocking, may not wait."},
	{"queue", "A queue made with Finish handles what it has accepted: its handlers have to return."},
}

// running tells a stranger what a teardown waits for.
func running(calls []tether.Running) string {
	var b strings.Builder
	b.WriteString("Its teardown waits for:\n")
	kinds := map[string]bool{}
	for i, c := range calls {
		if i == maxLines {
			fmt.Fprintf(&b, "    and %d more\n", len(calls)-i)
			break
		}
		fmt.Fprintf(&b, "    %s %s\n        of owner %s\n", c.Kind, c.Func, c.Owner)
		kinds[c.Kind] = true
	}
	if len(calls) == 0 {
		b.WriteString("    nothing any more: it ended while this was written\n")
	}
	for _, h := range hints {
		if kinds[h.kind] {
			b.WriteString(h.text + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
