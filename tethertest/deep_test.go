package tethertest_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

// The path of each owner was a text, and each level a call in that of the level above. So eight
// thousand levels took half a gigabyte, and a hundred thousand more than there is.
func TestVerifyNone_CostsOfADeepTreeWhatItHas(t *testing.T) {
	clean(t)
	const n = 8000
	b := newBag(t)
	deep := func(o *tether.Owner, each func(*tether.Owner)) *tether.Owner {
		top := o
		for range n {
			each(o)
			o = o.NewChild("x7")
		}
		return top
	}
	alone := func(*tether.Owner) {}
	var older *tether.Owner
	for _, c := range []struct {
		name         string
		before, made func()
		left         bool // it is reported
	}{
		{"older", func() { older = deep(b.leave(makeApp()), alone) }, func() {}, false},
		{"an unattended one", func() {}, func() { deep(b.leave(tether.NewOwner("u", tether.Unattended())), alone) }, false},
		{"made", func() {}, func() { deep(b.leave(makeApp()), alone) }, true},
		{"with brothers", func() {}, func() {
			deep(b.leave(makeApp()), func(o *tether.Owner) {
				for range 5 {
					o.NewChild("y")
				}
			})
		}, true},
		{"grown", func() { older = b.leave(makeApp()) }, func() { deep(older, alone) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.before()
			var before, after runtime.MemStats
			f := run("TestDeep", func(t *fake) {
				tethertest.VerifyWithin(t, 0)
				c.made()
				runtime.ReadMemStats(&before)
			})
			runtime.ReadMemStats(&after)
			if c.left {
				require.Contains(t, f.message(), "\n    and ")
				require.Contains(t, f.message(), "/x7/x7/x7\n")
				require.Equal(t, 100+4, strings.Count(f.message(), "\n")+1)
			} else {
				require.Empty(t, f.text)
			}
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(10_000*n), "bytes")
			for _, o := range b.owners {
				o.Destroy()
			}
		})
	}
}

// All stacks were read for each owner in which a handler runs. So a thousand that were stuck took a
// minute, and some of them were unknown.
func TestVerifyNone_LooksAtTheStacksOnceHoweverManyHandlersAreStuck(t *testing.T) {
	clean(t)
	const n = 200
	b := newBag(t)
	stop := make(chan struct{})
	var before, after runtime.MemStats
	f := run("TestStuck", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		app := b.leave(makeApp())
		started := make(chan struct{})
		for range n {
			said := new(tether.Signal[int])
			said.Connect(app.NewChild("stuck"), func(int) {
				started <- struct{}{}
				<-stop
			})
			go said.Fire(1)
		}
		for range n {
			<-started
		}
		runtime.ReadMemStats(&before)
	})
	runtime.ReadMemStats(&after)
	close(stop)
	require.Contains(t, f.message(), "            200 running handlers TestVerifyNone_Looks")
	require.NotContains(t, f.message(), "unknown")
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(200_000*n), "bytes")
}
