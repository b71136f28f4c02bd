package keyed

// Entries returns the number of keys that the group has a trace of.
func (o *Owners[K]) Entries() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.entries)
}

// Slots returns the number of entries that the group has had at once.
func (o *Owners[K]) Slots() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.slots)
}
