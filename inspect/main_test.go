package inspect_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newOwner(t testing.TB, name string) *tether.Owner {
	o := tether.NewOwner(name)
	t.Cleanup(func() { o.Destroy() })
	return o
}

// line returns the number of the line of the calling test's file that has the
// comment "// mark".
func line(t testing.TB, mark string) int {
	t.Helper()
	_, file, _, _ := runtime.Caller(1)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for i, l := range strings.Split(string(text), "\n") {
		if strings.HasSuffix(l, "// "+mark) {
			return i + 1
		}
	}
	t.Fatalf("no line is marked %q", mark)
	return 0
}

// dumpOf returns the dump of one tree.
func dumpOf(t testing.TB, o *tether.Owner) string {
	t.Helper()
	var buf bytes.Buffer
	require.NoError(t, inspect.Of(o).Dump(&buf))
	return buf.String()
}

// collect runs the collector until done reports true, which it must.
func collect(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 200 {
		runtime.GC()
		if done() {
			return
		}
		runtime.Gosched()
	}
	t.Fatalf("%s was not collected after 200 collections", what)
}

// cores runs f on 1, 2 and 8 processors.
func cores(t *testing.T, f func(t *testing.T)) {
	for _, n := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
			f(t)
		})
	}
}

// find returns the group of a kind with the most members.
func find(t *testing.T, groups []inspect.Group, kind string) inspect.Group {
	t.Helper()
	i := slices.IndexFunc(groups, func(g inspect.Group) bool { return g.Kind == kind })
	require.GreaterOrEqual(t, i, 0, "no group of kind %s in %v", kind, groups)
	return groups[i]
}
