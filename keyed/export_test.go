package keyed

// Entries returns the number of keys that the group has a trace of.
func (o *Owners[K]) Entries() int { return o.group.traces() }

// Entries returns the number of keys that the map has a trace of.
func (m *Map[K, V]) Entries() int { return m.group.traces() }

// Opening returns the number of keys whose values are being made, or waited for.
func (m *Map[K, V]) Opening() int {
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	return len(m.group.openings)
}

func (g *group[K, V]) traces() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.entries)
}

// Slots returns the number of entries that the group has had at once.
func (o *Owners[K]) Slots() int {
	o.group.mu.Lock()
	defer o.group.mu.Unlock()
	return len(o.group.slots)
}
