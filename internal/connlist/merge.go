package connlist

import "sync"

// Several lists can be walked as one, if one counter numbers their connections (see
// [List.NumberBy]). The order is by priority, then by number. That is the order in which
// they were connected, to whichever list.
//
// The walk is in one list at a time. The places where it has left off in the others are a
// heap, by what is next there. So a step from list to list takes O(log n) in the number of
// lists, and a step within a list takes one comparison.
//
// What is next in a list that the walk is not in may end, or be replaced by a copy, at any
// time. So the key of a Place is only a bound: nothing that comes before it is left there.
// The walk looks it up again when it comes to that list. If the entry found then is not the
// first one any more, the walk goes on to another list. Keys grow and never fall. So the
// entry that was looked up last, and is still before all bounds, is the first.
//
// The snapshot is the value of the counter when the walk begins. A connection with a lower
// number may be published after that. Its Connect has not returned when the walk begins, so
// it may be called or not.

// A Place is where a walk has left off in a list.
type Place struct {
	list  *List
	block *Block
	next  uint
	key
}

// A key is the place of an entry, or of a list's end, in the order of all.
type key struct {
	priority int
	number   uint64
	over     bool // the list's end
}

func (k key) before(other key) bool {
	switch {
	case k.over || other.over:
		return !k.over && other.over
	case k.priority != other.priority:
		return k.priority > other.priority
	}
	return k.number < other.number
}

// heaps keeps the heaps of walks over several lists, a *[]Place each, for other walks. A
// Walk is on the stack, but what it points to can't be.
var heaps = sync.Pool{New: func() any { return new([]Place) }}

// WalkAll begins a walk over the connections of all lists, up to the number limit. There is
// at least one list.
func WalkAll(lists []*List, limit uint64) Walk {
	w := Walk{cursor: cursor{list: lists[0], block: lists[0].Head(), limit: limit}}
	if len(lists) == 1 {
		return w
	}
	w.heap = heaps.Get().(*[]Place)
	w.rest = (*w.heap)[:0]
	for _, l := range lists[1:] {
		if b := l.Head(); b != nil {
			w.rest = append(w.rest, Place{list: l, block: b, key: key{priority: b.priority}})
		}
	}
	for i := len(w.rest)/2 - 1; i >= 0; i-- {
		w.sift(i)
	}
	return w
}

// endHeap gives the heap back, with nothing in it.
func (w *Walk) endHeap() {
	if w.heap != nil {
		clear(w.rest)
		*w.heap = w.rest[:0]
		heaps.Put(w.heap)
		w.heap, w.rest = nil, nil
	}
}

// first returns the next entry of the snapshot, nil at the end.
func (w *Walk) first() *Entry {
	e := w.entry()
	for len(w.rest) > 0 {
		k := w.keyOf(e)
		top := &w.rest[0]
		if !top.before(k) {
			break
		}
		here := Place{w.list, w.block, w.next, k}
		w.list, w.block, w.next = top.list, top.block, top.next
		*top = here
		w.sift(0)
		e = w.entry()
	}
	return e
}

func (w *Walk) keyOf(e *Entry) key {
	if e == nil {
		return key{over: true}
	}
	return key{priority: w.block.priority, number: e.conn.seq}
}

// sift moves a place down to where it belongs in the heap.
func (w *Walk) sift(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(w.rest); c++ {
			if w.rest[c].before(w.rest[least].key) {
				least = c
			}
		}
		if least == i {
			return
		}
		w.rest[i], w.rest[least] = w.rest[least], w.rest[i]
		i = least
	}
}
