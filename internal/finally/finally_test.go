package finally

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// steps returns a step function of n steps that calls f with the number of each.
func steps(n int, f func(i int)) func() bool {
	i := -1
	return func() bool {
		if i++; i >= n {
			return false
		}
		f(i)
		return true
	}
}

// outcome runs Each on a goroutine of its own and says how that ended.
func outcome(step func() bool) (recovered any, returned bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { recovered = recover() }()
		Each(step)
		returned = true
	}()
	<-done
	return recovered, returned
}

func TestEach_RunsEveryStepOnceWhateverTheyDo(t *testing.T) {
	const n = 3 * nested
	for name, fail := range map[string]func(i int){
		"nothing": func(int) {},
		"panic":   func(i int) { panic(i) },
		"Goexit":  func(int) { runtime.Goexit() },
		"panic and Goexit in turn": func(i int) {
			if i%2 == 0 {
				panic(i)
			}
			runtime.Goexit()
		},
		"panic(nil)": func(int) { panic(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var ran []int
			outcome(steps(n, func(i int) {
				ran = append(ran, i)
				fail(i)
			}))
			require.Len(t, ran, n)
			for i, v := range ran {
				require.Equal(t, i, v)
			}
		})
	}
}

// Steps that fail in all ways, in turn with sequences of their own that do, as where a
// handler fires.
func TestEach_RunsEveryStepOnceWhateverMixOfFailuresTheyAre(t *testing.T) {
	for seed := range 300 {
		r := rand.New(rand.NewPCG(uint64(seed), 0))
		var ran []int
		want := 0
		var sequence func(depth int) func() bool
		sequence = func(depth int) func() bool {
			n := r.IntN(3 * nested)
			want += n
			return steps(n, func(i int) {
				ran = append(ran, i)
				fail(r.IntN(8), func() {
					if depth < 2 {
						Each(sequence(depth + 1))
					}
				})
			})
		}
		outcome(sequence(0))
		require.Len(t, ran, want, "seed %d", seed)
	}
}

// What comes out of a mix is what would come out if every panic kept its own stack.
func TestEach_EndsAsIfNothingWereRecovered(t *testing.T) {
	end := func(seed uint64, nested int) (recovered any, returned bool) {
		r := rand.New(rand.NewPCG(seed, 1))
		value := 0
		var sequence func(depth int)
		sequence = func(depth int) {
			each(steps(r.IntN(7), func(int) {
				value++
				v := value
				switch r.IntN(8) {
				case 0, 1:
					panic(v)
				case 2:
					runtime.Goexit()
				case 3:
					defer func() { panic(v) }()
					runtime.Goexit()
				case 4:
					defer runtime.Goexit()
					panic(v)
				case 5:
					defer func() { _ = recover() }()
					panic(v)
				case 6:
					if depth < 2 {
						sequence(depth + 1)
					}
				}
			}), nested)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { recovered = recover() }()
			sequence(0)
			returned = true
		}()
		<-done
		return recovered, returned
	}
	for seed := range uint64(2000) {
		wantValue, wantReturn := end(seed, 1<<30)
		for _, nested := range []int{0, 1, 2} {
			value, returned := end(seed, nested)
			require.Equal(t, []any{wantValue, wantReturn}, []any{value, returned}, "seed %d, %d nested", seed, nested)
		}
	}
}

// fail fails in one of several ways, or calls inner.
func fail(how int, inner func()) {
	switch how {
	case 0:
		panic("oh")
	case 1:
		runtime.Goexit()
	case 2: // a panic on top of a Goexit
		defer func() { panic("oh") }()
		runtime.Goexit()
	case 3: // and the other way round
		defer runtime.Goexit()
		panic("oh")
	case 4: // that is recovered
		defer func() {
			defer func() { _ = recover() }()
			panic("oh")
		}()
		runtime.Goexit()
	default:
		inner()
	}
}

func TestEach_RaisesTheLastPanic(t *testing.T) {
	for _, n := range []int{1, 2, nested, nested + 1, nested + 2, nested + 3, 5 * nested} {
		recovered, returned := outcome(steps(n, func(i int) { panic(i) }))
		require.Equal(t, n-1, recovered, "of %d", n)
		require.False(t, returned)

		recovered, _ = outcome(steps(n+3, func(i int) {
			if i < n {
				panic(i)
			}
		}))
		require.Equal(t, n-1, recovered, "of %d, and three good ones", n)
	}
}

func TestEach_AGoexitAfterAPanicWins(t *testing.T) {
	for _, n := range []int{1, nested - 1, nested, nested + 1, nested + 2, 3 * nested} {
		recovered, returned := outcome(steps(n+1, func(i int) {
			if i < n {
				panic(i)
			}
			runtime.Goexit()
		}))
		require.Nil(t, recovered, "after %d panics", n)
		require.False(t, returned)
	}
}

// A million panics used to overflow the stack, which nobody can recover.
func TestEach_NeedsABoundedStack(t *testing.T) {
	const n = 1_000_000
	deepest := 0
	recovered, _ := outcome(steps(n, func(i int) {
		if i%1000 == 0 {
			deepest = max(deepest, runtime.Callers(0, make([]uintptr, 100*nested)))
		}
		panic(i)
	}))
	require.Equal(t, n-1, recovered)
	require.Less(t, deepest, 10*nested)
}

// A single panic keeps the stack on which it was raised, as far as a crash shows it.
func TestEach_APanicKeepsItsOwnStack(t *testing.T) {
	if os.Getenv("FINALLY_CRASH") != "" {
		Each(steps(2, func(i int) {
			if i == 0 {
				theCulprit()
			}
		}))
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestEach_APanicKeepsItsOwnStack$")
	cmd.Env = append(os.Environ(), "FINALLY_CRASH=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "panic: bad")
	require.Contains(t, string(out), "theCulprit")
}

//go:noinline
func theCulprit() { panic("bad") }

func TestEach_AllocatesNothingWhereNothingFails(t *testing.T) {
	i := 0
	step := func() bool { i++; return i%10 != 0 }
	require.Zero(t, testing.AllocsPerRun(100, func() { Each(step) }))
}

// The first panics keep their stacks, each on top of the one before; the others do not.
func TestEach_TheFirstPanicsNestAndNoFurtherOnes(t *testing.T) {
	depth := func() (n int) {
		pcs := make([]uintptr, 100*nested)
		frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
		for more := true; more; {
			var f runtime.Frame
			if f, more = frames.Next(); f.Function == "runtime.gopanic" {
				n++
			}
		}
		return n
	}
	var got []int
	outcome(steps(2*nested, func(i int) {
		got = append(got, depth())
		panic(i)
	}))
	for i, n := range got {
		require.Equal(t, min(i, nested+1), n, "panics under step %d", i)
	}
}
