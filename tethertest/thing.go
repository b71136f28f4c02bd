package tethertest

import (
	"fmt"
	"reflect"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A thing is what members of an owner have in common that a reader can't tell
// apart. It is compared often and spelled out seldom.
type thing struct {
	kind     string
	pc       uintptr // of a function; 0: none
	name     string  // where there is none
	signal   reflect.Type
	capacity int
	overflow string
}

// describe says what a member is, and how many; none, for what is nobody's
// business, such as signals and empty queues.
func describe(m scope.Detail) (th thing, n int) {
	th = thing{pc: m.PC, name: m.Name, signal: m.Signal}
	switch m.Kind {
	case scope.Connection:
		th.kind = "connection"
	case scope.Goroutine:
		th.kind = "goroutine"
	case scope.Timer:
		th.kind = "timer"
	case scope.Cleanup:
		th.kind = "cleanup"
	case scope.Interrupt:
		th.kind = "interrupt"
	case scope.Resource:
		if m.Overflow == "" {
			return thing{}, 0
		}
		return thing{kind: "queued value", capacity: m.Capacity, overflow: m.Overflow}, m.Len
	default:
		return thing{}, 0
	}
	return th, 1
}

// what is the function or whatever else there is to say, but for the kind.
func (th thing) what() string {
	text := th.name
	switch {
	case th.pc != 0:
		text = goroutine.FuncAt(th.pc)
	case th.overflow != "":
		text = fmt.Sprintf("in a queue with capacity %d and %s", th.capacity, th.overflow)
	}
	if th.signal != nil {
		text += " on a signal of " + th.signal.String()
	}
	return text
}

// A tally counts things, in the order in which they come.
type tally struct {
	counts map[thing]int
	order  []thing
}

func (t *tally) add(th thing, n int) {
	if n == 0 {
		return
	}
	if t.counts == nil {
		t.counts = make(map[thing]int)
	}
	if t.counts[th] == 0 {
		t.order = append(t.order, th)
	}
	t.counts[th] += n
}
