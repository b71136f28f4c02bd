package scope

import (
	"fmt"
	"slices"
	"strings"
)

// shown is how many errors an [Errors] has in its text; arbitrary.
const shown = 10

// maxLate is how many errors a scope keeps of what is closed after its end, and of how many
// children that tell it theirs while it lives. It bounds the list of an owner that the program
// keeps and goes on giving things to after its end, and that of one that outlives many children;
// arbitrary.
const maxLate = 16

// An errorList has what the closers of a subtree returned, in order. It refers to the lists
// of the scopes below. Nothing is copied until the errors are asked for, so those of a deep
// tree cost no more than those of a flat one.
type errorList struct {
	items []any   // each an error or the *errorList of a child
	told  int     // how many of items are those of TellParent
	mute  int     // how many children's errors were not kept because told was full
	late  []error // came after the end, here and below
	lost  int     // came when late was full

	failure error // the error by which a goroutine ended the scope

	joined error // nil: not joined since the last change
	asked  bool  // Err has returned some of them
}

// addError makes err part of what Destroy of s returns. If s has ended, and its end is a
// part of that of scopes above, or TellParent was called, err becomes part of theirs at once.
func (s *Scope) addError(err error) {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	part := true
	for p := s; ; p = p.parent {
		p.mu.Lock()
		over := p.Over()
		l := p.errorsLocked()
		switch {
		case !over:
			l.add(err, part || !p.Alive()) // goes up when p ends
		case len(l.late) < maxLate:
			l.late = append(l.late, err)
		default:
			l.lost++
		}
		p.mu.Unlock()
		if !over {
			return
		}
		if part = p.endsWithParentLocked(); !part && !p.tells {
			return
		}
	}
}

// add adds an error or the list of a child. Unless all are kept, only the first few are.
func (l *errorList) add(item any, all bool) {
	switch {
	case all:
		l.items = append(l.items, item)
	case l.told < maxLate:
		l.told++
		l.items = append(l.items, item)
	default:
		l.mute++
	}
}

// endsWithParentLocked reports whether the end of s, which is dead, is a part of its
// parent's. If not, s ends on its own account. tree.mu is held.
func (s *Scope) endsWithParentLocked() bool {
	t := s.down
	return t.top != nil && (t.top != s || t.stage) // the top of atOnce is nil
}

// passErrorsLocked makes the errors of s, which has ended, part of its parent's, if the end
// of s is a part of its parent's or TellParent was called. tree.mu is held.
func (s *Scope) passErrorsLocked() {
	part := s.endsWithParentLocked()
	if !part && !s.tells {
		return
	}
	s.mu.Lock()
	errs := s.past.errors()
	s.mu.Unlock()
	if errs == nil {
		return
	}
	p := s.parent
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errorsLocked().add(errs, part || !p.Alive()) // if p lives on, it may have many such children
}

// TellParent makes the errors of s part of its parent's even if s ends before the parent.
// It is for a child whose end nobody waits for. A parent that lives on keeps the errors of
// the first few such children.
func (s *Scope) TellParent() {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	s.tells = true
}

func (s *Scope) errorsLocked() *errorList {
	p := s.pastLocked()
	if p.errs == nil {
		p.errs = new(errorList)
	}
	p.errs.joined = nil
	return p.errs
}

// Err returns what the closers of an ended scope returned, joined.
func (s *Scope) Err() error {
	s.mu.Lock()
	none := s.past.errors() == nil
	s.mu.Unlock()
	if none { // the common case
		return nil
	}
	// tree.mu keeps the lists of the scopes below from changing.
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := s.past.errs
	if errs.joined == nil {
		errs.joined = errs.join()
	}
	errs.asked = true
	return errs.joined
}

// Untold reports whether there are errors of closers and nobody has asked for them by Err.
func (s *Scope) Untold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := s.past.errors()
	return errs != nil && !errs.asked
}

// join makes one error of all, however deep the lists are nested.
func (l *errorList) join() error {
	all := Errors{lost: l.lost}
	rest := []any{l}
	for len(rest) > 0 {
		item := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		if list, ok := item.(*errorList); ok {
			all.lost += list.mute
			for _, i := range slices.Backward(list.items) {
				rest = append(rest, i)
			}
		} else {
			all.errs = append(all.errs, item.(error))
		}
	}
	all.errs = append(all.errs, l.late...)
	if len(all.errs) == 1 && all.lost == 0 {
		return all.errs[0]
	}
	return &all
}

// Errors holds many errors side by side, as the result of [errors.Join] does. Its text has
// only the first few, one a line, and says how many more there are.
type Errors struct {
	errs []error
	lost int // not kept
}

// Error returns the text of the first few, one a line, and how many more there are.
func (e *Errors) Error() string {
	var b strings.Builder
	for i, err := range e.errs[:min(shown, len(e.errs))] {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(err.Error())
	}
	if more := max(0, len(e.errs)-shown) + e.lost; more > 0 {
		fmt.Fprintf(&b, "\nand %d more", more)
	}
	return b.String()
}

// Unwrap returns the errors.
func (e *Errors) Unwrap() []error { return slices.Clone(e.errs) }
