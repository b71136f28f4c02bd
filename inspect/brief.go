package inspect

import (
	"weak"

	"github.com/seed-ec287111/tether/internal/scope"
)

// A Brief says of one owner what can be said in a bounded time, however much the owner
// holds. [OwnerInfo] has all of it.
type Brief struct {
	ID       uint64 // no other owner has it, now or later
	Owner    string // path, as [tether.Owner.String] has it
	Name     string // quoted
	State    string // as in OwnerInfo
	Note     string // what is unusual about it, as in a [Dump]
	Made     Place
	Children int
	Handlers int // calls of its handlers that run now

	Connections, Goroutines, Timers, Cleanups, Interrupts int

	scope weak.Pointer[scope.Scope]
}

func brief(s *scope.Scope) Brief {
	sizes := s.Sizes()
	return Brief{
		ID: s.Number(), Owner: s.String(), Name: name(s.Name()), State: s.State(),
		Note: notes(s, false, false), Made: callAt(s.Site()), Children: sizes.Children, Handlers: s.Handlers(),
		Connections: sizes.Connections, Goroutines: sizes.Goroutines, Timers: sizes.Timers,
		Cleanups: sizes.Cleanups, Interrupts: sizes.Interrupts, scope: weak.Make(s),
	}
}

// Again looks at the owner again. It returns false if the owner has ended or is garbage.
func (b Brief) Again() (Brief, bool) {
	s := b.scope.Value()
	if s == nil || s.Over() {
		return b, false
	}
	return brief(s), true
}

// Holds lists what the owner itself holds now, by kind and place. If the owner holds very
// much, Holds lists the newest part.
func (b Brief) Holds() []Hold {
	s := b.scope.Value()
	if s == nil {
		return nil
	}
	f := new(fold)
	new(surveyor).members(f, s)
	f.finishHolds()
	return f.Holds
}

// Below returns the newest children, at most most of them, oldest first.
func (b Brief) Below(most int) []Brief {
	s := b.scope.Value()
	if s == nil {
		return nil
	}
	children, _ := s.Older(nil, most)
	all := make([]Brief, len(children))
	for i, c := range children {
		all[len(all)-1-i] = brief(c)
	}
	return all
}
