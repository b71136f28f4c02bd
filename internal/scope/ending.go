package scope

import "io"

// An Ending is one of the library's own things that ends with its owner in three steps: Cut
// and Then as with [Scope.OnCut], and Close in its turn among the cleanups.
type Ending interface {
	Cut()
	Then()
	io.Closer
}

// An ending is a cleanup that the cut-off calls as well. It is one member in place of two,
// and counts as a cleanup.
type ending cleanup

// Kind makes an ending a member, of the kind of a cleanup.
func (e *ending) Kind() Kind { return Cleanup }

// Cut leaves the cleanup in the place of e.
func (e *ending) Cut(co *Cutoff) {
	ends := e.closer.(Ending)
	e.node.m = (*cleanup)(e)
	ends.Cut()
	co.After(ends.Then)
}

// Describe describes the cleanup.
func (e *ending) Describe() Detail { return (*cleanup)(e).Describe() }

// OwnEnding arranges for e to end with s. If s is dead, e is cut at once. undo takes e out
// again, as long as s is alive.
func (s *Scope) OwnEnding(e Ending) (undo func()) {
	m := &ending{s: s, closer: e}
	if s.Attach(&m.node, m, nil) {
		return func() { s.Detach(&m.node) }
	}
	e.Cut()
	e.Then()
	s.Own(e)
	return func() {}
}
