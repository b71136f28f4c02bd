package model

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// hang is how long a program, of milliseconds, may take; arbitrary.
const hang = 10 * time.Second

// agree runs p on the model, then on the library, and returns how they differ,
// and what the model logged.
func agree(p program) (diff string, log []string, steps int) { return agreeAt(p, 1) }

// agreeAt is agree with longer chains and more panics.
func agreeAt(p program, scale int) (diff string, log []string, steps int) {
	mo := newModel()
	want := &machine{w: mo, p: p, decide: mo.may, awaits: map[int][]int{}, scale: scale}
	ops := want.run(math.MaxInt, func() bool { return mo.stuck })
	got := &machine{w: new(library), p: p, cancels: want.cancels, awaits: want.awaits, scale: scale}
	done := make(chan struct{})
	go func() {
		defer close(done)
		got.run(ops, nil) // what would hang is left out, and so is what comes after it
	}()
	select {
	case <-done:
	case <-time.After(hang):
		// NOTE: got may still be written to; the race detector may say so.
		got.log = append(slices.Clone(got.log), "(it hangs)")
	}
	if slices.Equal(got.log, want.log) {
		return "", want.log, want.steps
	}
	i := 0
	for i < len(got.log) && i < len(want.log) && got.log[i] == want.log[i] {
		i++
	}
	line := func(log []string) string {
		if i < len(log) {
			return log[i]
		}
		return "(the end)"
	}
	return fmt.Sprintf("%v\nboth:\n%s\nlibrary: %s\nmodel:   %s", p, strings.Join(want.log[:i], "\n"), line(got.log), line(want.log)), want.log, want.steps
}

// common has the codes that programs are made of, the frequent ones repeatedly.
var common = func() (codes []byte) {
	for code := range byte(opCodes) {
		n := 2
		switch code {
		case opFire, opConnect:
			n = 7
		case opDestroy, opDestroyMine, opDefer, opDrain, opSelf, opDisconnect:
			n = 3
		case opPanic, opGoexit, opLook, opMany, opDeep:
			n = 1
		}
		codes = append(codes, slices.Repeat([]byte{code}, n)...)
	}
	return codes
}()

// aByte is uniform, other than rapid.Byte, so that programs are varied.
var aByte = rapid.Custom(func(t *rapid.T) (b byte) {
	for i := range 8 {
		if rapid.Bool().Draw(t, "bit") {
			b |= 1 << i
		}
	}
	return b
})

var anOp = rapid.Custom(func(t *rapid.T) op {
	code := common[int(aByte.Draw(t, "code"))%len(common)]
	return op{code, aByte.Draw(t, "a"), aByte.Draw(t, "b"), aByte.Draw(t, "c")}
})

// Slices tend to be short; several make a long one that can still shrink.
func ops(pieces int) *rapid.Generator[[]op] {
	return rapid.Custom(func(t *rapid.T) []op {
		return slices.Concat(rapid.SliceOfN(rapid.SliceOfN(anOp, 0, 8), 0, 2*pieces).Draw(t, "ops")...)
	})
}

var aProgram = rapid.Custom(func(t *rapid.T) program {
	return program{
		main:    ops(4).Draw(t, "main"),
		scripts: rapid.SliceOfN(rapid.SliceOfN(anOp, 0, 5), 1, 10).Draw(t, "scripts"),
	}
})

// tally counts what programs did, by the first words of what they logged.
type tally struct{ programs, ops, calls, nested, cleanups, pending, panics, supervised atomic.Int64 }

func (t *tally) add(log []string, ops int) {
	t.programs.Add(1)
	t.ops.Add(int64(ops))
	for _, line := range log {
		word := strings.TrimLeft(line, " ")
		switch {
		case strings.Contains(word, ", got "):
			t.calls.Add(1)
			if strings.HasPrefix(line, "  ") {
				t.nested.Add(1)
			}
		case strings.HasPrefix(word, "cleanup"), strings.HasPrefix(word, "closer"), strings.HasPrefix(word, "interrupt"):
			t.cleanups.Add(1)
		case strings.HasSuffix(word, "pending"):
			t.pending.Add(1)
		case strings.Contains(word, "supervised:"):
			t.supervised.Add(1)
		case strings.HasPrefix(word, "panic"), strings.HasPrefix(word, "recovered"), strings.HasPrefix(word, "goexit"):
			t.panics.Add(1)
		}
	}
}

func (t *tally) String() string {
	return fmt.Sprintf("%d programs, %d operations: %d calls of handlers (%d inside another script), %d of cleanups, closers and interrupts, %d times ErrPending, %d panics or Goexits that came out, %d supervised",
		t.programs.Load(), t.ops.Load(), t.calls.Load(), t.nested.Load(), t.cleanups.Load(), t.pending.Load(), t.panics.Load(), t.supervised.Load())
}

func TestPrograms_RandomOnesDoTheSameOnTheModelAndOnTheLibrary(t *testing.T) {
	checks := "10000" // of which rapid does a fifth under -short
	if s := os.Getenv("MODEL_PROGRAMS"); s != "" {
		checks = s
	}
	flag.Set("rapid.nofailfile", "true") // the log has the shrunk program
	if err := flag.Set("rapid.checks", checks); err != nil {
		t.Fatal(err)
	}
	var tally tally
	rapid.Check(t, func(t *rapid.T) {
		diff, log, ops := agree(aProgram.Draw(t, "program"))
		if diff != "" {
			t.Fatal(diff)
		}
		tally.add(log, ops)
	})
	t.Log(&tally)
	if tally.calls.Load() == 0 || tally.pending.Load() == 0 || tally.panics.Load() == 0 {
		t.Error("the programs are too poor to show anything")
	}
}

// seeds are programs in which something happens; the first ones stand for what
// once was a bug of the library, the model or the machine.
var seeds = []program{
	{main: []op{{opDestroy, 3, 0, 0}, {opInterrupt, 3, 0, 0}, {opStop, 0, 0, 0}}, scripts: [][]op{{{opPanic, 0, 0, 0}}}},
	{main: []op{{opInterrupt, 2, 0, 0}, {opDestroyCtx, 2, 0, 0}}, scripts: [][]op{{{opDestroy, 1, 0, 0}}}},
	{main: []op{{opDefer, 1, 1, 0}, {opOwn, 2, 1, 1}, {opFire, 0, 1, 0}}, scripts: [][]op{{{opDestroyMine, 0, 0, 0}}, {{opFire, 0, 0, 0}, {opNewOwner, 1, 0, 0}}}},
	{main: []op{{opFire, 0, 0, 0}}, scripts: [][]op{{{opGoexit, 0, 0, 0}}, {{opPanic, 0, 0, 0}}}},
	{main: []op{{opDefer, 2, 0, 0}, {opDefer, 2, 1, 0}, {opDestroy, 0, 0, 0}}, scripts: [][]op{{{opPanic, 0, 0, 0}}, {{opDestroy, 1, 0, 0}, {opGoexit, 0, 0, 0}}}},
	{main: []op{{opFire, 0, 0, 0}, {opFire, 0, 0, 0}, {opFire, 0, 0, 0}, {opDrain, 0, 0, 0}}, scripts: [][]op{{{opSelf, 1, 0, 0}}, {{opStop, 0, 0, 0}}, nil, nil, {{opFire, 0, 0, 0}, {opDestroy, 2, 0, 0}}}},
	{main: []op{{opConnect, 18, 1, 0}, {opFire, 0, 0, 0}, {opFire, 0, 0, 0}, {opFire, 0, 0, 0}, {opDrain, 0, 0, 0}}, scripts: [][]op{nil}},
	{main: []op{{opDisconnect, 3, 0, 0}, {opConnect, 1, 17, 0}, {opDestroy, 1, 0, 0}}, scripts: [][]op{nil}},
	// Three Onces by a queue of two that drops the oldest: the third stays connected.
	{main: []op{{opNewSignal, 255, 0, 0}, {opNewQueue, 2, 1, 1}, {opConnect, 19, 65, 0}, {opConnect, 19, 65, 0}, {opConnect, 19, 65, 0}, {opConnect, 3, 65, 0}, {opFire, 3, 0, 0}, {opDrain, 1, 0, 0}, {opFire, 3, 0, 0}, {opDrain, 1, 0, 0}}, scripts: [][]op{nil}},
	// An interrupt panics on the goroutine of a Destroy, which drains and unwinds first.
	{main: []op{{opDefer, 0, 1, 0}, {opInterrupt, 2, 0, 0}, {opDestroy, 1, 0, 0}, {opDestroy, 1, 0, 0}}, scripts: [][]op{{{opPanic, 0, 0, 0}}, nil}},
	{main: []op{{opMany, 1, 2, 1}, {opMany, 3, 3, 0}, {opDestroy, 0, 0, 0}}, scripts: [][]op{{{opDestroyMine, 0, 0, 0}}}},
	{main: []op{{opFire, 0, 0, 0}, {opDestroy, 1, 0, 0}}, scripts: [][]op{{{opDeep, 1, 12, 20}, {opDestroyMine, 0, 0, 0}}}},
	// After 22 panics and a Goexit in one Fire a handler panics, in a handler of a supervised owner.
	{main: []op{{opConnect, 0, 32, 16}, {opFire, 0, 0, 0}}, scripts: [][]op{nil, nil, {{opGoexit, 0, 0, 0}}, {{opMany, 0, 0, 192}}, {{opConnect, 168, 35, 249}, {opFire, 240, 0, 0}}, nil}},
	{main: []op{{opDefer, 2, 0, 0}, {opInterrupt, 2, 1, 0}, {opCancel, 1, 0, 0}}, scripts: [][]op{{{opCancel, 3, 0, 0}, {opGoexit, 0, 0, 0}}, {{opDestroy, 2, 0, 0}, {opDestroy, 0, 0, 0}}}},
}

// inNumbers are programs for a scale at which nesting, or a cost per pair, would show.
// Owners: chain o0/o1/o2, and o3, which is supervised.
var inNumbers = []struct {
	name string
	p    program
}{
	{"handlers panic", program{main: []op{{opMany, 0, 1, 0}}}},
	{"handlers panic, supervised", program{main: []op{{opMany, 0, 3, 0}}}},
	{"handlers panic in a handler of an owner that it destroys", program{main: []op{{opMany, 0, 1, 0}}, scripts: [][]op{{{opDestroyMine, 0, 0, 0}}}}},
	{"handlers panic, and some call Goexit", program{main: []op{{opMany, 0, 1, 0}}, scripts: [][]op{{{opGoexit, 0, 0, 0}}}}},
	{"cleanups panic", program{main: []op{{opMany, 1, 1, 0}, {opDestroy, 0, 0, 0}}}},
	{"cleanups panic, supervised", program{main: []op{{opMany, 1, 3, 0}, {opDestroy, 3, 0, 0}}}},
	{"cleanups of two owners panic", program{main: []op{{opMany, 1, 1, 0}, {opMany, 1, 2, 0}, {opDestroy, 1, 0, 0}}}},
	{"cleanups panic under a closer", program{main: []op{{opOwn, 0, 0, 1}, {opMany, 1, 2, 0}, {opDestroy, 0, 0, 0}, {opDestroy, 0, 0, 0}}, scripts: [][]op{nil}}},
	{"interrupts panic", program{main: []op{{opMany, 2, 1, 0}, {opDefer, 0, 0, 0}, {opDestroy, 0, 0, 0}}, scripts: [][]op{nil}}},
	{"interrupts panic, supervised", program{main: []op{{opMany, 2, 3, 0}, {opDestroy, 3, 0, 0}}}},
	{"interrupts and cleanups panic", program{main: []op{{opMany, 2, 1, 0}, {opMany, 1, 1, 0}, {opDestroy, 1, 0, 0}}}},
	{"values panic", program{main: []op{{opMany, 3, 1, 0}}}},
	{"values panic, supervised", program{main: []op{{opMany, 3, 3, 0}}}},
	{"values panic, and some call Goexit", program{main: []op{{opMany, 3, 1, 0}}, scripts: [][]op{{{opGoexit, 0, 0, 0}}}}},
	{"chain, leaf first", program{main: []op{{opDeep, 2, 0, 0}}}},
	{"chain, root first", program{main: []op{{opDeep, 2, 2, 0}}}},
	{"chain, here and there", program{main: []op{{opDeep, 2, 4, 0}}}},
	{"chain from above", program{main: []op{{opDeep, 2, 7, 0}, {opDestroy, 0, 0, 0}}}},
	{"chain of failing closers, leaf first", program{main: []op{{opDeep, 2, 0, 16}, {opDestroy, 0, 0, 0}}}},
	{"chain of failing closers, root first", program{main: []op{{opDeep, 2, 2, 16}, {opDestroy, 0, 0, 0}}}},
	{"chain of failing closers, here and there", program{main: []op{{opDeep, 2, 4, 16}, {opDestroy, 0, 0, 0}}}},
	{"chain of failing closers from above", program{main: []op{{opDeep, 2, 7, 16}, {opDestroy, 0, 0, 0}, {opDestroy, 0, 0, 0}}}},
	{"chain whose root drains, leaf first", program{main: []op{{opFire, 0, 0, 0}}, scripts: [][]op{{{opDeep, 1, 0, 16}, {opDestroy, 0, 0, 0}, {opDestroy, 8, 0, 0}}}}},
	{"chain below an owner that drains", program{main: []op{{opConnect, 0, 17, 0}, {opFire, 0, 0, 0}, {opDestroy, 1, 0, 0}}, scripts: [][]op{{{opDeep, 1, 8, 16}}}}},
	{"chain below an owner that drains, root first", program{main: []op{{opConnect, 0, 17, 0}, {opFire, 0, 0, 0}, {opDestroy, 1, 0, 0}}, scripts: [][]op{{{opDeep, 1, 10, 16}}}}},
	{"chain below an owner that drains, here and there", program{main: []op{{opConnect, 0, 17, 0}, {opFire, 0, 0, 0}, {opDestroy, 1, 0, 0}}, scripts: [][]op{{{opDeep, 1, 12, 16}}}}},
	{"chain that a cleanup above destroys", program{main: []op{{opDeep, 2, 7, 16}, {opDefer, 2, 0, 0}, {opDestroy, 0, 0, 0}}, scripts: [][]op{{{opDestroy, 20, 0, 0}, {opDestroy, 9, 0, 0}}}}},
}

func TestPrograms_PanicsInNumbersAndDeepTreesAreAsInTheModel(t *testing.T) {
	scale := 20 // hundreds of panics, chains of sixty
	if testing.Short() {
		scale = 5
	}
	for _, c := range inNumbers {
		t.Run(c.name, func(t *testing.T) {
			diff, log, _ := agreeAt(c.p, scale)
			if diff != "" {
				t.Fatal(diff[max(0, len(diff)-3000):])
			}
			if len(log) < 30 {
				t.Errorf("%d lines show nothing:\n%s", len(log), strings.Join(log, "\n"))
			}
		})
	}
}

func TestPrograms_SurviveTheirEncoding(t *testing.T) {
	for _, p := range seeds {
		if got := decode(p.encode()); fmt.Sprint(got) != fmt.Sprint(p) {
			t.Errorf("decode(encode(p)) =\n%vwant\n%v", got, p)
		}
	}
}

// FuzzPrograms is the same for programs that the fuzzer makes, and that it can
// make so as to reach more of the library.
func FuzzPrograms(f *testing.F) {
	for _, p := range seeds {
		f.Add(p.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 600 {
			t.Skip("long")
		}
		if diff, _, _ := agree(decode(b)); diff != "" {
			t.Fatal(diff)
		}
	})
}
