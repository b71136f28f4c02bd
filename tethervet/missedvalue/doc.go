// Package missedvalue reports a Wait that begins too late.
//
// Fire calls the handlers and returns when they have. What they fire in turn has been
// fired by then, and a Wait sees only what is fired after it was called. So it waits
// for ever, or for something else. The same goes for the time between two rounds of a
// loop around Wait.
//
// Wrong:
//
//	ask.Connect(owner, func(q int) { answer.Fire(q + 1) })
//	ask.Fire(1)
//	v, err := tether.Wait(ctx, &answer) // it has been fired
//
// Right:
//
//	got := make(chan int, 1)
//	answer.Once(owner, func(v int) { got <- v })
//	ask.Fire(1)
//	v := <-got
//
// and, for every value,
//
//	for v := range tether.Values(ctx, &answer, 16, tether.Block) { ... }
//
// Reported is a Wait behind the Fire of another signal, if a handler of that one, in
// this package, fires what is waited for in every call, and nobody else does; and a
// Wait for a value in an endless loop.
//
// Not reported: ticks, and sources that keep their last value; loops that fire, or do
// not look at the value; handlers on queues, but for those right before.
//
// To silence one place, on its line or the one before, with a reason:
//
//	//tethervet:ignore missedvalue the reason
package missedvalue

import _ "embed"

//go:embed doc.go
var doc string
