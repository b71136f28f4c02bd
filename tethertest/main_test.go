package tethertest_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/tethertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake is a test that tells how it went. Its methods are those that the package
// may call.
type fake struct {
	testing.TB
	name string
	ctx  context.Context

	mu       sync.Mutex // guards the fields below
	text     []string
	fatal    bool
	cleanups []func()
}

func (f *fake) Name() string             { return f.name }
func (f *fake) Helper()                  {}
func (f *fake) Context() context.Context { return f.ctx }

func (f *fake) Cleanup(c func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cleanups = append(f.cleanups, c)
}

func (f *fake) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text = append(f.text, fmt.Sprintf(format, args...))
}

func (f *fake) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	f.mu.Lock()
	f.fatal = true
	f.mu.Unlock()
	panic(f) // as Goexit, but it ends in run
}

// run runs a fake test on a goroutine of its own, as the testing package does.
func run(name string, test func(t *fake)) *fake {
	done := make(chan struct{})
	f := &fake{name: name}
	go func() {
		defer close(done)
		f.here(test)
	}()
	<-done
	return f
}

// here runs a fake test on the calling goroutine.
func (f *fake) here(test func(t *fake)) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f.ctx = ctx
	guard := func(g func()) {
		defer func() {
			if p := recover(); p != nil && p != any(f) {
				panic(p)
			}
		}()
		g()
	}
	guard(func() { test(f) })
	cancel()
	for len(f.cleanups) > 0 {
		i := len(f.cleanups) - 1
		c := f.cleanups[i]
		f.cleanups = f.cleanups[:i]
		guard(c)
	}
}

var position = regexp.MustCompile(`\([^ ()]*/([a-z_]+\.go):\d+\)`)

// message returns what the test failed with, without what differs from one
// machine or edit to another: directories, lines, and this package's path.
func (f *fake) message() string {
	text := position.ReplaceAllString(strings.Join(f.text, "\n\n"), "($1)")
	return strings.ReplaceAll(text, "github.com/seed-ec287111/tether/tethertest_test.", "")
}

func lines(text ...string) string { return strings.Join(text, "\n") }

func passed(t *testing.T, f *fake) {
	t.Helper()
	assert.Empty(t, f.message())
}

// clean checks that nothing is watched when the test is over.
func clean(t *testing.T) {
	t.Cleanup(func() {
		assert.True(t, tethertest.Idle())
		assert.False(t, scope.Observed())
	})
}

const hint = "To end an owner, with all that it holds: defer owner.Destroy(), or make it by tethertest.NewOwner."

// A bag holds owners that a test leaves on purpose, to end them later.
type bag struct {
	mu     sync.Mutex
	owners []*tether.Owner
}

func (b *bag) leave(o *tether.Owner) *tether.Owner {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.owners = append(b.owners, o)
	return o
}

func newBag(t *testing.T) *bag {
	b := new(bag)
	t.Cleanup(func() {
		for _, o := range b.owners {
			o.Destroy()
		}
	})
	return b
}
