package goroutine

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDump_AGoroutinesIdIsTheNumberInItsStackTrace(t *testing.T) {
	var buf [64]byte
	var want uint64
	_, err := fmt.Sscanf(string(buf[:runtime.Stack(buf[:], false)]), "goroutine %d ", &want)
	require.NoError(t, err)
	require.Equal(t, want, ID())
}

// stack makes one goroutine's part of a dump, innermost function first.
func stack(functions ...string) string {
	var b strings.Builder
	b.WriteString("goroutine 1 [running]:\n")
	for i, f := range functions {
		fmt.Fprintf(&b, "%s\n\t/src/%d.go:%d +0x1\n", f, i, i)
	}
	return b.String()
}

func TestDump_AHandlerIsTheLastUserFunctionBeforeTheLibrarysOwn(t *testing.T) {
	const (
		deliver = module + "/internal/connlist.(*firing[...]).deliver(0x1)"
		fire    = module + ".(*Signal[...]).Fire(...)"
		callout = module + "/internal/goroutine.Cleanup(0x1)"
		main    = "main.main()"
	)
	for _, c := range []struct{ stack, want []string }{
		{[]string{main}, nil},
		{[]string{"main.f()", "main.g(0x1)", deliver, fire, main}, []string{"main.g (/src/1.go:1)"}},
		{[]string{"main.f()", deliver, fire, "main.(*T).g(0x1)", deliver, fire, main}, []string{"main.f (/src/0.go:0)", "main.(*T).g (/src/3.go:3)"}},
		// A panic overtakes one deliver by another; none of the two calls its own.
		{[]string{"main.f()", deliver, deliver, main}, []string{"main.f (/src/0.go:0)"}},
		// A cleanup that runs inside a Fire is not the Fire's handler.
		{[]string{"main.cleanup()", callout, deliver, fire, main}, nil},
		{[]string{"sync.(*Mutex).Lock(0x1)", "runtime.gopark(0x1)", "main.f()", deliver}, []string{"main.f (/src/2.go:2)"}},
		{[]string{"main.f()", "runtime.goexit()", "sync.(*Once).Do(0x1)", deliver}, []string{"main.f (/src/0.go:0)"}},
		{[]string{"runtime.gopark()", deliver}, nil},
		{[]string{"(nameless)", deliver, main}, []string{"(nameless) (/src/0.go:0)"}},
		{[]string{"main.f", deliver, main}, []string{"main.f (/src/0.go:0)"}},
	} {
		var got []string
		for _, h := range handlersIn(stack(c.stack...)) {
			got = append(got, h.Outermost().String())
		}
		require.Equal(t, c.want, got, "%q", c.stack)
	}
}

// The dump of many goroutines does not fit the first buffer.
func TestDump_OfManyGoroutinesIsReadToItsEnd(t *testing.T) {
	hold := make(chan bool)
	var wg, started sync.WaitGroup
	for range 1000 {
		started.Add(1)
		wg.Go(func() {
			started.Done()
			<-hold
		})
	}
	started.Wait()
	require.Empty(t, RunningHandlers())
	close(hold)
	wg.Wait()
}

func TestDump_WhereNobodyOfTheUsersIsThereIsNoCall(t *testing.T) {
	pc := make(chan uintptr)
	go func() { pc <- UserCall() }() // a function of the library's own, like this test
	require.Zero(t, <-pc)
}

// made is to CallerOf what NewChild is, and ByLibrary a function of the library that makes
// something for the user.
//
//go:noinline
func made() uintptr { return CallerOf(0) }

//go:noinline
func ByLibrary() uintptr { return made() }

func TestDump_AHandlerOfTheLibrarysGoesByTheUsersFunctionInIt(t *testing.T) {
	const (
		fire    = module + "/internal/connlist.Fire[...](0x1)"
		wrapper = module + "/weakref.Connect[...].func1(0x1)"
		record  = module + "/history.Record[...].func2(0x1)"
		main    = "main.main()"
	)
	for _, c := range []struct {
		stack []string
		want  []string
		funcs []string // of the first
	}{
		{[]string{"main.(*T).Move(0x1)", wrapper, fire, main}, []string{"main.(*T).Move (/src/0.go:0)"}, []string{"main.(*T).Move"}},
		{[]string{"main.helper()", "main.handler()", "main.source.func1()", fire, main}, []string{"main.source.func1 (/src/2.go:2)"}, []string{"main.helper", "main.handler", "main.source.func1"}},
		{[]string{record, fire, main}, []string{"history.Record"}, []string{"history.Record"}},
		{[]string{"main.f()", fire, module + ".(*Signal[...]).Fire(...)", record, fire, main}, []string{"main.f (/src/0.go:0)", "history.Record"}, []string{"main.f"}},
		{[]string{module + "/internal/finally.Each(0x1)", module + ".(*Signal[...]).Fire(...)", fire, main}, nil, nil},
	} {
		all := handlersIn(stack(c.stack...))
		var got []string
		for _, h := range all {
			got = append(got, h.Outermost().String())
		}
		require.Equal(t, c.want, got, "%q", c.stack)
		if c.want != nil {
			var names []string
			for _, f := range all[0].Funcs {
				names = append(names, f.Name)
				found, ok := all[0].Among(map[string]bool{f.Name: true, "main.other": true})
				require.True(t, ok)
				require.Equal(t, f, found)
			}
			require.Equal(t, c.funcs, names)
			require.Equal(t, "1", all[0].Goroutine)
			_, ok := all[0].Among(map[string]bool{"main.other": true})
			require.False(t, ok)
		}
	}
}
