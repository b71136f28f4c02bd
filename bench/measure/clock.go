package measure

import (
	"runtime"
	"time"
)

// pieces is how many pieces PerOp cuts its time into.
const pieces = 10

// PerOp returns the nanoseconds that one operation takes: f does n of them. It
// finds the n that takes about a piece of d, warming up on the way, and returns
// the median of the pieces, so that being put off the processor in one does not
// count.
func PerOp(d time.Duration, f func(n int)) float64 {
	piece := d / pieces
	n := 1
	for {
		start := time.Now()
		f(n)
		took := time.Since(start)
		if took >= d {
			return float64(took.Nanoseconds()) / float64(n)
		}
		if took >= piece/4 {
			n = max(1, int(float64(n)*float64(piece)/float64(took)))
			break
		}
		if took < piece/64 {
			n *= 8
		} else {
			n *= 2
		}
	}
	values := make([]float64, pieces)
	for i := range values {
		start := time.Now()
		f(n)
		values[i] = float64(time.Since(start).Nanoseconds()) / float64(n)
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

// Allocs returns the mean number of allocations of one f.
func Allocs(n int, f func()) float64 {
	f()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64((after.Mallocs - before.Mallocs) / uint64(n))
}

// Settle waits until no more than n goroutines are left, for d at most, and
// returns how many are.
func Settle(n int, d time.Duration) int {
	for deadline := time.Now().Add(d); runtime.NumGoroutine() > n && time.Now().Before(deadline); {
		time.Sleep(100 * time.Microsecond)
	}
	return runtime.NumGoroutine()
}
