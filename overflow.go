package tether

import (
	"fmt"
	"math"
)

// Unbounded is a capacity that nothing reaches, for a [Queue] or a [Values] loop whose
// values must neither hold who fires them nor be dropped. What is pending takes memory, so
// somebody else must see to it that the values come no faster than they are handled, on
// the whole.
const Unbounded = math.MaxInt

// Overflow says what happens to a value that finds no room.
type Overflow int

const (
	// Block holds the goroutine that fires until there is room.
	Block Overflow = iota
	// DropOldest drops the value that has waited longest. A value that a Once has
	// been spent on is not dropped; if there is no other, the new one is.
	DropOldest
	// DropNewest drops the value that finds no room.
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
