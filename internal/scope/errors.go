package scope

import (
	"fmt"
	"slices"
	"strings"
)

// shown is how many errors the text of many tells; arbitrary.
const shown = 10

// maxLate is how many errors a scope keeps of what is closed after its end. What an
// owner that lives long after its end is given must not grow for ever; arbitrary.
const maxLate = 16

// An errorList is what the closers of a subtree returned, in order. It is made of those
// of the scopes below: nothing is copied until somebody asks, so that the errors of
// a deep tree cost no more than those of a flat one.
type errorList struct {
	items []any   // each an error or the *errorList of a child
	late  []error // came after the end, here and below; or of children, see TellParent
	lost  int     // came when late was full

	failure error // of a goroutine that ended the scope by it

	joined error // nil: not joined since the last change
	told   bool  // Err has returned some of them
}

// addError makes err part of what Destroy returns: of s, and at once of all above whose
// end that of s is a part of, if it comes late.
func (s *Scope) addError(err error) {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	for p := s; ; p = p.parent {
		p.mu.Lock()
		over := p.Over()
		l := p.errorsLocked()
		switch {
		case !over:
			l.items = append(l.items, err) // goes up when p ends
		case len(l.late) < maxLate:
			l.late = append(l.late, err)
		default:
			l.lost++
		}
		p.mu.Unlock()
		if !over || !p.endsWithParentLocked() {
			return
		}
	}
}

// endsWithParentLocked reports whether the end of s, which is dead, is a part of its
// parent's, and not on its own account. tree.mu is held.
func (s *Scope) endsWithParentLocked() bool {
	t := s.down
	return t.top != nil && (t.top != s || t.stage) // the top of atOnce is nil
}

// passErrorsLocked makes the errors of s, which has ended, part of its parent's if its end
// is. tree.mu is held.
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
	l := p.errorsLocked()
	switch {
	case part, !p.Alive():
		l.items = append(l.items, errs)
	case len(l.late) < maxLate: // p lives on, and may have many such children
		l.late = append(l.late, errs.join())
	default:
		l.lost++
	}
}

// TellParent makes the errors of s, a child whose end nobody waits for, part of its
// parent's also if it ends before that; of the first few such children.
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
	errs.told = true
	return errs.joined
}

// Untold reports whether there are errors of closers and nobody has asked for them by Err.
func (s *Scope) Untold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := s.past.errors()
	return errs != nil && !errs.told
}

// join makes one error of all, however deep the lists are nested.
func (l *errorList) join() error {
	all := Errors{lost: l.lost}
	rest := []any{l}
	for len(rest) > 0 {
		item := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		if list, ok := item.(*errorList); ok {
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

// Errors is many errors, side by side, as by [errors.Join]; but the text tells only the
// first few, one a line, and how many there are besides.
type Errors struct {
	errs []error
	lost int // not kept
}

// Error returns the text of the first few, a line each, and how many more there are.
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
