package scope

// A closing is what [Scope.OnCut] registers.
type closing struct {
	node      Node
	s         *Scope
	cut, then func()
}

// Kind makes a closing a member.
func (c *closing) Kind() Kind { return Internal }

// Cut does what the closing is for, and leaves the rest to the goroutine that cuts off.
func (c *closing) Cut(co *Cutoff) {
	co.Remove(c.s, &c.node)
	c.cut()
	co.After(c.then)
}

// OnCut arranges for cut to be called in the cut-off of s, so that a goroutine that sees s
// dead finds it done. It arranges for then to be called right after, by the goroutine that
// cuts off. The library's own things close with their owner in this way, as signals do.
// Neither function may be user code or wait. cut runs with locks held and may only record.
//
// If s is dead, OnCut calls neither and returns false.
func (s *Scope) OnCut(cut, then func()) bool {
	_, ok := s.onCut(cut, then)
	return ok
}

func (s *Scope) onCut(cut, then func()) (*closing, bool) {
	c := &closing{s: s, cut: cut, then: then}
	return c, s.Attach(&c.node, c, nil)
}
