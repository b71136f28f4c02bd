package measure

import (
	"runtime"
	"time"
)

// A Trial does n operations and returns how long they took, without what prepares
// them and clears up after them.
type Trial func(n int) time.Duration

// Timed is the Trial of an f that is nothing but its n operations.
func Timed(f func(n int)) Trial {
	return func(n int) time.Duration {
		start := time.Now()
		f(n)
		return time.Since(start)
	}
}

// Alternate gives each trial a slice of about d in turn (A B C, A B C, and so on),
// for so many rounds, and returns of each the nanoseconds an operation, one value
// a round. Slices are short, so what disturbs the machine falls on all trials; and
// some slices of each are disturbed by nothing.
func Alternate(rounds int, d time.Duration, trials ...Trial) []Sample {
	ns := make([]int, len(trials))
	for i, t := range trials {
		ns[i], _ = calibrate(d, t)
	}
	samples := make([]Sample, len(trials))
	for range rounds {
		for i, t := range trials {
			samples[i].Values = append(samples[i].Values, float64(t(ns[i]).Nanoseconds())/float64(ns[i]))
		}
	}
	return samples
}

// calibrate returns how many operations take about d, warming up on the way, and
// how long the last attempt took.
func calibrate(d time.Duration, t Trial) (n int, took time.Duration) {
	n = 1
	for {
		took = t(n)
		switch {
		case took >= d/4:
			return max(1, int(float64(n)*float64(d)/float64(took))), took
		case took < d/64:
			n *= 8
		default:
			n *= 2
		}
	}
}

// pieces is how many pieces PerOp cuts its time into.
const pieces = 10

// PerOp returns the nanoseconds that one operation takes: f does n of them. It
// returns the median of several pieces, so that being put off the processor in one
// does not count. What takes d at once is not done again.
func PerOp(d time.Duration, f func(n int)) float64 {
	trial := Timed(f)
	n, took := calibrate(d/pieces, trial)
	if n == 1 && took >= d {
		return float64(took.Nanoseconds())
	}
	values := make([]float64, pieces)
	for i := range values {
		values[i] = float64(trial(n).Nanoseconds()) / float64(n)
	}
	return Quantile(values, 0.5)
}

// Heap returns the bytes that live on the heap and in stacks, after collecting
// what is garbage.
func Heap() uint64 {
	runtime.GC()
	runtime.GC() // what sync.Pools held on to
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// Allocs returns what one f allocates, in objects and in bytes, on the mean of n.
func Allocs(n int, f func()) (objects, bytes float64) {
	f()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	mean := func(total uint64) float64 { return float64(total / uint64(n)) }
	return mean(after.Mallocs - before.Mallocs), mean(after.TotalAlloc - before.TotalAlloc)
}

// Settle waits until no more than n goroutines are left, for d at most, and
// returns how many are.
func Settle(n int, d time.Duration) int {
	for deadline := time.Now().Add(d); runtime.NumGoroutine() > n && time.Now().Before(deadline); {
		time.Sleep(100 * time.Microsecond)
	}
	return runtime.NumGoroutine()
}
