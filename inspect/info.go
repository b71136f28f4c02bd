package inspect

import (
	"iter"
	"log/slog"
	"reflect"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/quote"
	"github.com/seed-ec287111/tether/internal/scope"
)

// An OwnerInfo is what an owner was and held at one moment: values, which do not
// change any more and keep nothing alive. The methods look at the owner as it is
// when they are called, and find nothing if it is garbage by then.
//
// The lists are in the order of registration, but for the children, which may
// be many: a method walks them. The zero OwnerInfo is of no owner.
type OwnerInfo struct {
	Name  string // as it is; Dump and LogValue quote it, as tether.Owner.String does
	Path  string // likewise
	State string // "alive", "cut off", "unwinding", "ended"; or "garbage", of a lost root
	Made  Place  // the call that made it, perhaps by way of this library; of children see [RecordSites]
	Lost  bool   // a root whose handle became garbage before it was destroyed

	Staged     bool // made with tether.Staged
	Ending     bool // it is alive, and its stages have begun
	InTurn     bool // it holds a signal made with tether.CloseInTurn, and ends when that closes
	Unattended bool // a root made with tether.Unattended

	Owners   int    // children
	Handlers int    // calls of handlers that run now
	Unwinds  string // the cleanup that runs now, if any

	Connections []Connection
	Queues      []Queue
	Signals     []Signal
	Goroutines  []Place // running; the functions given to Go
	Timers      []Place // pending or running
	Cleanups    []Place
	Interrupts  []Place
	Pending     []Pending // of an owner that was cut off

	text  string // the path, quoted
	scope weak.Pointer[scope.Scope]
}

// A Connection describes a connection that an owner holds.
type Connection struct {
	Signal   string // the type of its values; "" if unknown
	Handler  Place
	Priority int
	Muted    bool
	Queued   bool // handled by a queue
}

// A Queue describes a queue of an owner.
type Queue struct {
	Len      int // values pending
	Capacity int
	Overflow string // as the constant is called
	Taken    uint64 // values that it has let in so far
	Dropped  uint64
}

// Pending describes values that a queue has accepted, and that are still to be handled
// though the owner of their connection was cut off: see [tether.Finish].
type Pending struct {
	Values  int
	Handler Place
}

// A Signal describes a signal that closes with its owner.
type Signal struct {
	Type        string // of its values; "" if nobody was ever connected
	Connections int
}

// Of returns what owner is and holds now. It panics if owner is nil. Cost: some
// 200 ns for each thing that owner holds itself, under its lock.
func Of(owner *tether.Owner) OwnerInfo { return info(handle.Scope("inspect: Of", owner)) }

// Roots returns the roots that have not ended, oldest first, those that a test or
// another goroutine made included. A lost one that is garbage is not among them
// unless somebody watches, as package tethertest does.
func Roots() iter.Seq[OwnerInfo] {
	return func(yield func(OwnerInfo) bool) {
		for r := range scope.Roots() {
			i := OwnerInfo{Name: r.Name, Path: r.Name, State: "garbage", Made: callAt(r.Site), text: quote.Name(r.Name)}
			if s := r.Scope(); s != nil {
				i = info(s)
			}
			i.Lost = r.Lost
			if !yield(i) {
				return
			}
		}
	}
}

func info(s *scope.Scope) OwnerInfo {
	shot := s.Snapshot()
	i := OwnerInfo{
		Name: s.Name(), Path: s.Path(), State: shot.State, Made: callAt(s.Site()),
		Owners: len(shot.Children), Handlers: shot.Handlers, Unwinds: shot.Unwinds,
		Staged: s.Staged(), Ending: shot.Sealed, InTurn: s.InTurn(), Unattended: s.Unattended(),
		text: s.String(), scope: weak.Make(s),
	}
	for _, d := range shot.Members {
		switch d.Kind {
		case scope.Connection:
			i.Connections = append(i.Connections, Connection{typeName(d.Signal), placeOf(d), d.Priority, d.Muted, d.Queued})
		case scope.Goroutine:
			i.Goroutines = append(i.Goroutines, placeOf(d))
		case scope.Timer:
			i.Timers = append(i.Timers, placeOf(d))
		case scope.Cleanup:
			i.Cleanups = append(i.Cleanups, placeOf(d))
		case scope.Interrupt:
			i.Interrupts = append(i.Interrupts, placeOf(d))
		case scope.Resource:
			switch {
			case isQueue(d):
				i.Queues = append(i.Queues, Queue{d.Len, d.Capacity, d.Overflow, d.Taken, d.Dropped})
			case isSignal(d):
				i.Signals = append(i.Signals, Signal{typeName(d.Signal), d.Len})
			}
		}
	}
	for _, d := range s.Lingering() {
		i.Pending = append(i.Pending, Pending{d.Len, funcAt(d.PC)})
	}
	return i
}

// Of what is closed at the cut-off, a queue has an overflow; a connection that is
// spent, whose value is pending, has the handler; the rest are signals.
func isQueue(d scope.Detail) bool  { return d.Overflow != "" }
func isSignal(d scope.Detail) bool { return d.Overflow == "" && d.PC == 0 }

func placeOf(d scope.Detail) Place {
	if d.PC == 0 {
		return Place{Name: d.Name}
	}
	return funcAt(d.PC)
}

func typeName(t reflect.Type) string {
	if t == nil {
		return ""
	}
	return t.String()
}

// below returns the children of now.
func (i OwnerInfo) below() []*scope.Scope {
	if s := i.scope.Value(); s != nil {
		return s.Children()
	}
	return nil
}

// All returns i, the owner's children of now, their children and so on: parents
// first, and oldest first. Each is looked at when its turn comes.
func (i OwnerInfo) All() iter.Seq[OwnerInfo] {
	return func(yield func(OwnerInfo) bool) { i.walk(yield) }
}

func (i OwnerInfo) walk(yield func(OwnerInfo) bool) bool {
	if !yield(i) {
		return false
	}
	for c := range i.Children() {
		if !c.walk(yield) {
			return false
		}
	}
	return true
}

// Children returns the owner's children of now, oldest first. Each is looked at when
// its turn comes.
func (i OwnerInfo) Children() iter.Seq[OwnerInfo] {
	return func(yield func(OwnerInfo) bool) {
		list := i.below()
		weakly := make([]weak.Pointer[scope.Scope], len(list))
		for k, c := range list {
			weakly[k] = weak.Make(c)
		}
		clear(list)
		for _, w := range weakly {
			if c := w.Value(); c != nil && !yield(info(c)) {
				return
			}
		}
	}
}

func resources(k scope.Kind) bool { return k == scope.Resource }

// subtree returns s and all below it, parents first.
func subtree(s *scope.Scope) iter.Seq[*scope.Scope] {
	return func(yield func(*scope.Scope) bool) {
		rest := []*scope.Scope{s}
		for len(rest) > 0 {
			p := rest[len(rest)-1]
			rest = rest[:len(rest)-1]
			if !yield(p) {
				return
			}
			rest = append(rest, p.Children()...)
		}
	}
}

// LogValue implements [slog.LogValuer]: the path, the state, and the totals of the
// subtree as it is then.
func (i OwnerInfo) LogValue() slog.Value {
	t := i.Total()
	return slog.GroupValue(
		slog.String("path", i.text), slog.String("state", i.State),
		slog.Int("owners", t.Owners), slog.Int("connections", t.Connections),
		slog.Int("goroutines", t.Goroutines), slog.Int("timers", t.Timers), slog.Int("cleanups", t.Cleanups),
		slog.Int("handlers", t.Handlers), slog.Int("queued", t.Queued), slog.Uint64("dropped", t.Dropped),
	)
}
