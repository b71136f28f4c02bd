// Package computedget reports Get where Use is meant.
//
// A computed value is computed again when something changes that its function has
// read with Use. Get reads, but does not depend: the value is right at first, and
// stays what it was.
//
// Wrong:
//
//	total := state.NewComputed(app, func(use *state.Use) int {
//		return price.Use(use) * count.Get() // a change of count is not seen
//	})
//
// Right:
//
//	total := state.NewComputed(app, func(use *state.Use) int {
//		return price.Use(use) * count.Use(use)
//	})
//
// Reported is every Get of a Value, Computed, Spring, Tween or Readable inside the
// function of a NewComputed. The suggested fix is Use.
//
// Not reported: a value that the function reads with Use as well, or has made itself;
// and a function that calls Use for nothing but to depend, without using the result,
// as it seems to know what it does not depend on.
//
// To silence one place, on its line or the one before, with a reason:
//
//	//tethervet:ignore computedget the reason
package computedget

import _ "embed"

//go:embed doc.go
var doc string
