package scenario

import (
	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
)

// Payloads are the types fired in the scenario Payload, by their N.
var Payloads = []string{"int", "struct of 256 B", "pointer", "interface"}

// PayloadHandlers is how many handlers they are fired at.
const PayloadHandlers = 10

// Big is a struct of 256 bytes, passed by value.
type Big struct{ Words [32]int }

// A Shape is an interface, called through by its handlers.
type Shape interface{ Edges() int }

type square struct{ edges int }

func (s *square) Edges() int { return s.edges }

func (b *Bench) payloadAll() {
	payload(b, 0, func(v int) int { return v }, 7)
	payload(b, 1, func(v Big) int { return v.Words[31] }, Big{})
	payload(b, 2, func(v *Big) int { return v.Words[31] }, new(Big))
	payload[Shape](b, 3, Shape.Edges, &square{4})
}

// payload measures Fire of one type. The handlers differ from those of the other
// scenarios in that they call look, which takes a number from the value.
func payload[T any](b *Bench, i int, look func(T) int, v T) {
	for _, c := range []struct {
		name string
		bus  peers.Bus[T]
	}{
		{"bare loop", new(peers.Bare[T])},
		{peers.Ours, peers.NewTether[T]()},
		{"tether (owner each)", peers.NewTetherEach[T]()},
	} {
		handlers := make([]func(T), PayloadHandlers)
		for j := range handlers {
			counter := new(peers.Counter)
			handlers[j] = func(v T) { counter.Sum += look(v) }
		}
		end := connect(c.bus, handlers)
		quiet()
		b.Book.Add(Payload, c.name, i, measure.PerOp(b.Slice, func(k int) {
			for range k {
				c.bus.Fire(v)
			}
		}))
		end()
	}
}
