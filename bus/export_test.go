package bus

// Patterns returns how many branches the tries have.
func (b *Bus) Patterns() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range b.kinds {
		n += k.patterns.branches()
	}
	return n
}

func (t *trie) branches() int {
	n := t.children.len()
	for _, c := range t.children.m {
		n += c.branches()
	}
	if t.star != nil {
		n += 1 + t.star.branches()
	}
	for _, p := range []*node{t.here, t.rest} {
		if p != nil {
			n++
		}
	}
	return n
}

// Entries returns how many names and responders are in the books.
func (b *Bus) Entries() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.names.len() + len(b.responders)
}
