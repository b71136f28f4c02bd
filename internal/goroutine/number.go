package goroutine

import (
	"sync"
	"sync/atomic"
)

// A Runner runs something.
type Runner interface{ Run() }

var lastNumber atomic.Uint64

// NewNumber returns a number that it has not returned before, and not 0.
func NewNumber() uint64 { return lastNumber.Add(1) }

// Spell runs r with a number on the stack. Each frame of one of the functions digit0 to
// digit15 below is one of its digits, so what r calls can find the number there. This gives
// a goroutine an identity for as long as it runs something, at a nanosecond or two a digit.
// To ask the runtime for one means to read the text of a stack trace. That takes 2 us, far
// more than all else that a queue does for a value, or an owner to start a goroutine. Some
// builds have no such text.
//
//go:noinline
func Spell(number uint64, r Runner) { digitOf(number)(number, r) }

// Spelled reports whether the number is on the caller's stack.
func Spelled(number uint64) (yes bool) {
	numbers(func(n uint64) bool {
		yes = n == number
		return !yes
	})
	return yes
}

// Numbers returns the numbers on the caller's stack, innermost first.
func Numbers() (all []uint64) {
	numbers(func(n uint64) bool {
		all = append(all, n)
		return true
	})
	return all
}

func numbers(f func(n uint64) bool) {
	var r reader
	walk(func(entry uintptr) bool {
		n, ok := r.read(entry)
		return !ok || f(n)
	})
}

// A reader puts numbers together from the functions of a stack.
type reader struct{ n uint64 }

// read returns the number that ends with the function at entry, if one does.
func (r *reader) read(entry uintptr) (n uint64, ok bool) {
	digits.once.Do(makeDigits)
	if d, isDigit := digits.values[entry]; isDigit {
		r.n = r.n<<4 | d // the innermost digit is the highest
	} else if entry == digits.spell {
		n, r.n = r.n, 0
		return n, true
	}
	return 0, false
}

// digits has the value of each digit function, by its address.
var digits struct {
	once   sync.Once // makes the fields below
	values map[uintptr]uint64
	spell  uintptr // of Spell, which ends a number
}

func makeDigits() {
	digits.values = make(map[uintptr]uint64, 16)
	for d := range uint64(16) {
		digits.values[funcPC(digitOf(d|16))] = d
	}
	digits.spell = funcPC(Spell)
}

// digitOf returns the function of the lowest digit of n, or runNow, which comes after all
// digits.
func digitOf(n uint64) func(n uint64, r Runner) {
	if n == 0 {
		return runNow
	}
	switch n & 15 {
	case 0:
		return digit0
	case 1:
		return digit1
	case 2:
		return digit2
	case 3:
		return digit3
	case 4:
		return digit4
	case 5:
		return digit5
	case 6:
		return digit6
	case 7:
		return digit7
	case 8:
		return digit8
	case 9:
		return digit9
	case 10:
		return digit10
	case 11:
		return digit11
	case 12:
		return digit12
	case 13:
		return digit13
	case 14:
		return digit14
	}
	return digit15
}

func runNow(_ uint64, r Runner) { r.Run() }

// The digits differ in their address alone.

//go:noinline
func digit0(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit1(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit2(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit3(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit4(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit5(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit6(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit7(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit8(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit9(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit10(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit11(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit12(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit13(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit14(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }

//go:noinline
func digit15(n uint64, r Runner) { digitOf(n>>4)(n>>4, r) }
