// Package fifo has a first-in-first-out buffer that grows and shrinks.
package fifo

// An emptied Buffer keeps a capacity of up to keep in any case. It keeps one of up to most
// as long as that is of use: until it is emptied after it has held no more than a quarter
// of it. So a queue that is empty most of the time neither holds much nor allocates often.
// Both numbers are arbitrary.
const (
	keep = 64
	most = 1024
)

// A Buffer is a FIFO of values. The zero Buffer is empty and ready for use. It is
// not safe for concurrent use.
type Buffer[T any] struct {
	buf  []T // its length is 0 or a power of two
	head int // index of the first value
	n    int
	peak int // the largest n since r was last empty
}

// Len returns the number of values in r.
func (r *Buffer[T]) Len() int { return r.n }

// At returns the address of the i-th value, the oldest being 0.
func (r *Buffer[T]) At(i int) *T { return &r.buf[(r.head+i)&(len(r.buf)-1)] }

// Push appends v. Amortised O(1).
func (r *Buffer[T]) Push(v T) {
	if r.n == len(r.buf) {
		r.resize(max(4, 2*r.n))
	}
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = v
	r.n++
	if r.n > r.peak {
		r.peak = r.n
	}
}

// Pop removes and returns the oldest value; r must not be empty.
func (r *Buffer[T]) Pop() T {
	p := &r.buf[r.head]
	v := *p
	var zero T
	*p = zero // the collector may have it
	r.head = (r.head + 1) & (len(r.buf) - 1)
	if r.n--; r.n == 0 {
		if len(r.buf) > most || len(r.buf) > keep && len(r.buf) >= 4*r.peak {
			r.buf, r.head = nil, 0
		}
		r.peak = 0
	}
	return v
}

// Remove removes the i-th value. Cost: linear in what comes after it.
func (r *Buffer[T]) Remove(i int) {
	if i == 0 {
		r.Pop()
		return
	}
	for ; i+1 < r.n; i++ {
		*r.At(i) = *r.At(i + 1)
	}
	var zero T
	*r.At(r.n - 1) = zero
	r.n--
}

// Filter keeps the values that f holds true for, in their order.
func (r *Buffer[T]) Filter(f func(T) bool) {
	for range r.n {
		if v := r.Pop(); f(v) {
			r.Push(v)
		}
	}
}

func (r *Buffer[T]) resize(size int) {
	buf := make([]T, size)
	for i := range r.n {
		buf[i] = *r.At(i)
	}
	r.buf, r.head = buf, 0
}
