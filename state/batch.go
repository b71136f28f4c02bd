package state

// A Batch is several Sets that take effect in one moment. What depends on them is computed
// once, and no computing function sees some of them without the others. A goroutine that calls
// Get of one Value after another may, while Commit stores them. The zero Batch is empty and
// ready for use. A Batch may be used by one goroutine at a time.
type Batch struct {
	writes []write // a source may be in it twice, until it is committed
}

// Commit does the Sets, as [Value.Set] would, and leaves the batch empty. If a value is set
// twice in the batch, the later Set counts. Commit panics before the Sets take effect if it
// is called inside a computing function, or if an Equal panics. Then the batch is as it
// was.
func (b *Batch) Commit() {
	if len(b.writes) == 0 {
		return
	}
	b.unite()
	p := commit(b.writes)
	b.writes = nil
	p.finish()
}

// find returns the write to s, if that is one of the last few of the batch; else nil.
func (b *Batch) find(s *source) write {
	const few = 8 // arbitrary; for loops that add a Set of the same value again and again
	for i := len(b.writes) - 1; i >= max(0, len(b.writes)-few); i-- {
		if b.writes[i].to() == s {
			return b.writes[i]
		}
	}
	return nil
}

// unite makes one write of all writes to one source.
func (b *Batch) unite() {
	if b.united() {
		return
	}
	first := make(map[*source]write)
	writes := b.writes
	b.writes = nil
	for _, w := range writes {
		if earlier := first[w.to()]; earlier != nil {
			earlier.then(w)
			continue
		}
		first[w.to()] = w
		b.writes = append(b.writes, w)
	}
}

// united reports whether each source has one write. It goes by the stamps of the sources, as
// a run does, so it needs no map.
func (b *Batch) united() bool {
	books.mu.Lock()
	defer books.mu.Unlock()
	books.stamp++
	for _, w := range b.writes {
		s := w.to()
		if s.seen == books.stamp {
			return false
		}
		s.seen = books.stamp
	}
	return true
}

// A write is a Set without its type. prepare is called without the lock, and may call the
// user's functions. apply is called with the lock held, if the value is still the one that
// prepare has seen.
type write interface {
	to() *source
	then(later write)
	prepare()
	current() bool
	apply(p *pass)
}

// commit applies the writes in one moment, and returns the pass, which the caller must
// finish. It is optimistic: it decides about equality without the lock, and decides again
// if another Set came between. books is held on return.
func commit(writes []write) *pass {
	outside := false
	for {
		for _, w := range writes {
			w.prepare()
		}
		if !lockToSet(&outside) {
			continue
		}
		current := true
		for _, w := range writes {
			current = current && w.current()
		}
		if current {
			break
		}
		books.mu.Unlock()
	}
	p := take()
	for _, w := range writes {
		w.apply(p)
	}
	return p
}

// lockToSet takes books for a Set, or returns false. A Set inside a computing function would
// overtake that again and again. So while anything is being computed, each Set looks at the
// stack once, without the lock, and panics if it is inside one. Otherwise lockToSet returns
// false, and the Set begins again.
func lockToSet(outside *bool) bool {
	books.mu.Lock()
	if books.running == 0 || *outside {
		return true
	}
	books.mu.Unlock()
	if computing() {
		panic("state: Set inside a computing function")
	}
	*outside = true
	return false
}

// apply gives s the value now in place of old, which differs. books is held.
func (p *pass) apply(s *source, old, now rep) {
	books.epoch.Add(1)
	s.note()
	if s.out != nil && s.watched() {
		p.add(s, transition{old, now})
	}
	if s.users != nil {
		p.mark(s, dirty)
	}
	s.store(now)
}

// finish settles what there is to settle. It frees books.
func (p *pass) finish() {
	if len(p.todo) == 0 && len(p.deliver) == 0 {
		p.release()
		books.mu.Unlock()
		return
	}
	books.mu.Unlock()
	p.settle()
}
