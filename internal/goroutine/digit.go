package goroutine

import "sync"

// The digits of a number that stands on the stack, see [Handle]. They are functions of
// their own, to differ in their address alone.

//go:noinline
func digit0(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit1(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit2(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit3(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit4(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit5(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit6(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit7(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit8(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit9(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit10(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit11(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit12(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit13(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit14(n uint64, r Runner) { spell(n, r) }

//go:noinline
func digit15(n uint64, r Runner) { spell(n, r) }

func digitFuncs(d uint64) func(n uint64, r Runner) {
	switch d {
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

// digits has the value of each digit function, by its address.
var digits struct {
	once   sync.Once // makes the fields below
	values map[uintptr]uint64
	handle uintptr // of Handle, which ends a number
}

func makeDigits() {
	digits.values = make(map[uintptr]uint64, 16)
	for d := range uint64(16) {
		digits.values[funcPC(digitFuncs(d))] = d
	}
	digits.handle = funcPC(Handle)
}
