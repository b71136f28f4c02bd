package peers

// A Counter is what a handler of the measurements adds to.
type Counter struct{ Sum int }

// Handlers returns n closures for use by one goroutine, each with a counter of
// its own: it reads a captured pointer and a captured number, and adds to what
// the pointer points to. They reach the contestants as function values, so that
// none can be inlined.
func Handlers(n int) []func(int) {
	fs := make([]func(int), n)
	for i := range fs {
		c := new(Counter)
		fs[i] = func(v int) { c.Sum += v ^ i }
	}
	return fs
}

// SharedHandlers returns n closures for use by many goroutines at once: each
// reads a captured value, computes, and writes nothing that is shared, so that
// only the contestants can be in each other's way.
func SharedHandlers(n int) []func(int) {
	fs := make([]func(int), n)
	for i := range fs {
		c := &Counter{i}
		fs[i] = func(v int) {
			for range 8 {
				v += c.Sum
			}
			keep(v)
		}
	}
	return fs
}

//go:noinline
func keep(int) {}
