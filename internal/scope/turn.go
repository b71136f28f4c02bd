package scope

// A scope that ends in its turn is a child that the cut-off of its parent passes over. It
// lives until the unwinding comes to it. Then it is destroyed, as a part of the parent's
// end. It is for what the parent's goroutines and cleanups need to the last.
//
// NOTE: This is the one exception to the rule that below a dead scope all is dead.

// NewTurn returns a child of s that ends in its turn: a dead one if s is dead.
func (s *Scope) NewTurn(name string, c Config) *Scope {
	child := &Scope{name: name, parent: s, tree: s.tree, bond: inTurn}
	child.configure(c, s.super, s.base)
	s.tree.parts.Store(true)
	s.adopt(child)
	if Observed() {
		tell(child, made)
	}
	return child
}

// turn destroys a child whose turn has come. If something runs in the child, and this is a
// goroutine that must not wait, such as that of the last function to return, another
// goroutine goes on. If u unwinds a scope before its turn, the rest is left for that turn.
func (u *unwinder) turn(child *Scope) bool {
	if u.apart {
		return u.goOn()
	}
	inside := u.inside
	if inside == nil {
		inside = func() bool { return true }
	}
	child.destroyNow(child.parent.Cause(), true, inside) // its errors are passed on at its end
	if child.Over() {
		return true
	}
	if u.until == nil {
		return u.goOn()
	}
	return false
}
