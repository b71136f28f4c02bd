package inspect

import (
	"iter"
	"log/slog"
	"reflect"
	"slices"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/quote"
	"github.com/seed-ec287111/tether/internal/scope"
)

// An OwnerInfo is what an owner was and held at one moment. Its values do not change any
// more and keep nothing alive. Its methods look at the owner as it is when they are called.
// They find nothing if the owner is garbage by then.
//
// The lists are in the order of registration. Children are not listed, as there may be
// many: a method walks them. The zero OwnerInfo describes no owner.
type OwnerInfo struct {
	ID    uint64 `json:"id"`             // no other owner has it, now or later; 0 for a lost root that is garbage
	Name  string `json:"name"`           // unquoted; Dump and LogValue quote it, as tether.Owner.String does
	Path  string `json:"path"`           // unquoted; String returns it quoted
	State string `json:"state"`          // "alive", "cut off", "unwinding", "ended"; for a lost root also "garbage"
	Made  Place  `json:"made"`           // the call that made it, perhaps by way of this library; for children see [RecordSites]
	Lost  bool   `json:"lost,omitempty"` // a root whose handle became garbage before it was destroyed

	Staged     bool `json:"staged,omitempty"`     // made with tether.Staged
	Ending     bool `json:"ending,omitempty"`     // it is alive, and its stages have begun
	InTurn     bool `json:"inTurn,omitempty"`     // it holds a signal made with tether.CloseInTurn, and ends when that closes
	Unattended bool `json:"unattended,omitempty"` // a root made with tether.Unattended

	Owners   int    `json:"owners"`            // children
	Handlers int    `json:"handlers"`          // calls of handlers that run now
	Unwinds  string `json:"unwinds,omitempty"` // the cleanup that runs now, if any

	Connections []Connection `json:"connections,omitempty"`
	Queues      []Queue      `json:"queues,omitempty"`
	Signals     []Signal     `json:"signals,omitempty"`
	Goroutines  []Place      `json:"goroutines,omitempty"` // the functions given to Go that run
	Timers      []Place      `json:"timers,omitempty"`     // pending or running
	Cleanups    []Place      `json:"cleanups,omitempty"`
	Interrupts  []Place      `json:"interrupts,omitempty"`
	Pending     []Pending    `json:"pending,omitempty"` // if the owner was cut off

	text  string // the path, quoted
	scope weak.Pointer[scope.Scope]
}

// String returns the path as [tether.Owner.String] does.
func (i OwnerInfo) String() string { return i.text }

// A Connection describes a connection that an owner holds.
type Connection struct {
	Signal   string `json:"signal"` // the type of its values; "" if unknown
	Handler  Place  `json:"handler"`
	Priority int    `json:"priority,omitempty"`
	Muted    bool   `json:"muted,omitempty"`
	Queued   bool   `json:"queued,omitempty"` // handled by a queue
}

// A Queue describes a queue of an owner.
type Queue struct {
	Len      int    `json:"len"` // values pending
	Capacity int    `json:"capacity"`
	Overflow string `json:"overflow"` // the name of the constant
	Taken    uint64 `json:"taken"`    // values that it has let in so far
	Dropped  uint64 `json:"dropped"`

	ID          uint64  `json:"id"`               // no other queue has it, now or later
	Made        Place   `json:"made"`             // the call that made it, see [RecordSites]
	Held        int     `json:"held,omitempty"`   // calls of Fire that wait for room
	Manual      bool    `json:"manual,omitempty"` // made with tether.Manual
	Finish      bool    `json:"finish,omitempty"` // made with tether.Finish
	Connections int     `json:"connections"`
	Handlers    []Place `json:"handlers,omitempty"` // handlers of the connections, each once, eight at the most
	Running     Place   `json:"running"`            // the handler that runs now, if any
}

// Pending describes values that a queue has accepted, and that are still to be handled
// though the owner of their connection was cut off. See [tether.Finish].
type Pending struct {
	Values  int   `json:"values"`
	Handler Place `json:"handler"`
}

// A Signal describes a signal that closes with its owner.
type Signal struct {
	Type        string `json:"type"` // the type of its values; "" if nothing was ever connected
	Connections int    `json:"connections"`
}

// Of returns what owner is and holds now. It panics if owner is nil. Cost: some 200 ns for
// each thing that owner itself holds, under its lock.
func Of(owner *tether.Owner) OwnerInfo { return info(handle.Scope("inspect: Of", owner)) }

// Roots returns the roots that have not ended, oldest first. It includes those made by
// tests or by other goroutines. A lost root that is garbage is included only while
// something watches for it, as package tethertest does.
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

func info(s *scope.Scope) OwnerInfo { return infoAt(s, s.Path(), s.String()) }

// infoAt is info for who knows the path of s, unquoted and quoted.
func infoAt(s *scope.Scope, path, text string) OwnerInfo {
	shot := s.Snapshot()
	i := OwnerInfo{
		ID: s.Number(), Name: s.Name(), Path: path, State: shot.State, Made: callAt(s.Site()),
		Owners: len(shot.Children), Handlers: shot.Handlers, Unwinds: shot.Unwinds,
		Staged: s.Staged(), Ending: shot.Sealed, InTurn: s.InTurn(), Unattended: s.Unattended(),
		text: text, scope: weak.Make(s),
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
				i.Queues = append(i.Queues, queueOf(d))
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

// queueOf describes a queue of a snapshot.
func queueOf(d scope.Detail) Queue {
	q := Queue{
		Len: d.Len, Capacity: d.Capacity, Overflow: d.Overflow, Taken: d.Taken, Dropped: d.Dropped,
		ID: d.Number, Made: callAt(d.Site), Held: d.Held, Manual: d.Manual, Finish: d.Finish,
	}
	if more := d.Queue; more != nil {
		q.Connections, q.Running = more.Conns, funcAt(more.Running)
		for _, pc := range more.Handlers {
			q.Handlers = append(q.Handlers, funcAt(pc))
		}
	}
	return q
}

// Resources are what closes at the cut-off. A queue among them has an overflow. A spent
// connection whose value is pending has the handler. The others are signals.
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

// All returns i, then the owner's present children, their children and so on: parents
// first, and oldest first. It looks at each owner when its turn comes.
func (i OwnerInfo) All() iter.Seq[OwnerInfo] {
	return func(yield func(OwnerInfo) bool) {
		if !yield(i) {
			return
		}
		for rest := i.below(nil); len(rest) > 0; { // a list, as a tree may be too deep for calls in each other
			c := rest[len(rest)-1]
			rest = rest[:len(rest)-1]
			if i, ok := c.info(); ok {
				if !yield(i) {
					return
				}
				rest = i.below(rest)
			}
		}
	}
}

// Children returns the owner's present children, oldest first. It looks at each of them
// when its turn comes.
func (i OwnerInfo) Children() iter.Seq[OwnerInfo] {
	return func(yield func(OwnerInfo) bool) {
		for _, c := range slices.Backward(i.below(nil)) {
			if i, ok := c.info(); ok && !yield(i) {
				return
			}
		}
	}
}

// A child is one whose turn has not come. It keeps nothing alive.
type child struct {
	scope      weak.Pointer[scope.Scope]
	path, text string // those of its parent: a path is made by one step, and not from the root on
}

// below appends the present children, newest first.
func (i OwnerInfo) below(rest []child) []child {
	if s := i.scope.Value(); s != nil {
		for _, c := range slices.Backward(s.Children()) {
			rest = append(rest, child{weak.Make(c), i.Path, i.text})
		}
	}
	return rest
}

// info looks at c, unless that is garbage.
func (c child) info() (i OwnerInfo, ok bool) {
	s := c.scope.Value()
	if s == nil {
		return i, false
	}
	path := c.path + "/" + s.Name()
	text := path
	if quoted := quote.Name(s.Name()); c.text != c.path || quoted != s.Name() {
		text = c.text + "/" + quoted
	}
	return infoAt(s, path, text), true
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

// LogValue implements [slog.LogValuer]. The value has the path, the state, and the totals
// of the subtree at the time of the call.
func (i OwnerInfo) LogValue() slog.Value {
	t := i.Total()
	return slog.GroupValue(
		slog.String("path", i.text), slog.String("state", i.State),
		slog.Int("owners", t.Owners), slog.Int("connections", t.Connections),
		slog.Int("goroutines", t.Goroutines), slog.Int("timers", t.Timers), slog.Int("cleanups", t.Cleanups),
		slog.Int("handlers", t.Handlers), slog.Int("queued", t.Queued), slog.Uint64("dropped", t.Dropped),
	)
}
