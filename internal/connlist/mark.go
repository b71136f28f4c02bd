package connlist

import (
	"reflect"
	"sync"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// marked has the types for which the functions that call handlers are marked.
var marked sync.Map // of reflect.Type; the values mean nothing

// Mark makes known to package goroutine that user code runs above Fire, deliver and
// FireHeld of values of type T. These functions are generic, so they have an address for
// each T, or rather for each group of such types. Only a function that they call can learn
// the address. So Mark fires once, at a list of its own. Other instances, which generic code
// of the user's may have for the same T, are known by their name. Cost: some microseconds for
// the first connection of each T, then 20 ns for the first one of each signal.
func Mark[T any](values reflect.Type) {
	if _, ok := marked.Load(values); ok {
		return
	}
	var l List
	owner := scope.New("mark", scope.Config{})
	probe := func(T) { goroutine.MarkCallersCaller() }
	var first, second Conn
	l.Connect(&first, owner, Word(probe), 1, false, nil)  // called by Fire
	l.Connect(&second, owner, Word(probe), 0, false, nil) // by deliver
	Fire(&l, l.Head(), *new(T))
	second.Disconnect()
	var h Held
	FireHeld(&h, &l, *new(T))
	h.Leave()
	_ = owner.Destroy() // it holds no closer
	marked.Store(values, true)
}
