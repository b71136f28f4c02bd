package tether

import (
	"fmt"
	"math"
)

// Unbounded is a capacity that is never reached. It is for a [Queue] or a [Values] loop whose
// values must not be dropped, and must not hold the goroutine that calls Fire. Pending values
// take memory. So something else must see to it that, on the whole, values come no faster
// than they are handled.
const Unbounded = math.MaxInt

// Overflow says what happens to a value for which there is no room.
type Overflow int

const (
	// Block holds the goroutine that called Fire until there is room.
	Block Overflow = iota
	// DropOldest drops the value that has waited longest. It does not drop a value that has
	// spent a Once. If there is no other, it drops the new value.
	DropOldest
	// DropNewest drops the new value.
	DropNewest
)

// String returns the constant's name.
func (o Overflow) String() string {
	switch o {
	case Block:
		return "Block"
	case DropOldest:
		return "DropOldest"
	case DropNewest:
		return "DropNewest"
	}
	return fmt.Sprintf("Overflow(%d)", int(o))
}

func checkOverflow(op string, capacity int, overflow Overflow) {
	if capacity < 1 {
		panicf("%s with capacity %d", op, capacity)
	}
	if overflow < Block || overflow > DropNewest {
		panicf("%s with unknown Overflow %d", op, overflow)
	}
}
