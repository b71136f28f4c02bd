package tethertest

import (
	"runtime"
	"strconv"
	"strings"

	"github.com/seed-ec287111/tether/internal/goroutine"
)

// What the origins of a goroutine are where they are no verification's.
var (
	foreign = new(verification) // it was started under a test that does not verify
	unknown = new(verification) // an ancestor is gone, or it was started by none
)

// A lineage is what the stack of a goroutine says about where it comes from.
type lineage struct {
	id, parent uint64 // parent is 0 for main and for what timers start
	bubble     string // of testing/synctest, "" outside
	test       bool   // it was started to run a test
}

// origin finds out under which verification the calling goroutine was started.
//
// What it finds is kept, by the ids of goroutines, which the runtime does not use twice.
// So a goroutine that has returned is still known as a parent if it has made a root
// itself. Cost: it reads an id if the goroutine is known. It reads the goroutine's stack
// if its parent is known, and otherwise all stacks.
func (w *watcher) origin() *verification {
	id := goroutine.ID()
	if v := w.known(id); v != nil {
		return v
	}
	own := readLineage(stack(false))
	v := w.known(own.parent)
	if own.test && v != nil && (v == foreign || v == unknown) {
		v = foreign
	}
	if v != nil {
		w.learn(v, id)
		return v
	}
	all := map[uint64]lineage{}
	for s := range strings.SplitSeq(stack(true), "\n\n") {
		if l := readLineage(s); l.id != 0 {
			all[l.id] = l
		}
	}
	v, ids := w.trace(own, all)
	if v == unknown && own.bubble != "" { // started by a timer: it is of those in its bubble
		for _, l := range all {
			if l.bubble != own.bubble {
				continue
			}
			if found, _ := w.trace(l, all); found.depth() > v.depth() {
				v = found // the innermost: a bubble has goroutines of the test around it
			}
		}
	}
	w.learn(v, ids...)
	return v
}

// trace goes from parent to parent until it finds one whose origin is known. ids
// are those on the way of which the same can be said.
func (w *watcher) trace(l lineage, all map[uint64]lineage) (v *verification, ids []uint64) {
	var way []uint64
	v, ids = unknown, []uint64{l.id}
	for alive := true; alive; l, alive = all[l.parent] {
		if v := w.known(l.id); v != nil && v != unknown {
			return v, way
		}
		way = append(way, l.id)
		if l.test {
			v, ids = foreign, way // unless a verification stands above it
		}
	}
	return v, ids
}

// stack returns the stack of the calling goroutine, or of all.
func stack(all bool) string {
	for size := 8 << 10; ; size *= 4 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, all); n < size {
			return string(buf[:n])
		}
	}
}

// readLineage reads the first line of a stack, as in
//
//	goroutine 23 [chan receive (durable), synctest bubble 1]:
//
// and the line that follows the outermost function:
//
//	created by testing.(*T).Run in goroutine 7
func readLineage(stack string) (l lineage) {
	head, _, _ := strings.Cut(stack, "\n")
	head = strings.TrimPrefix(head, "goroutine ")
	number, state, _ := strings.Cut(head, " ")
	l.id, _ = strconv.ParseUint(number, 10, 64)
	if _, bubble, ok := strings.Cut(state, "synctest bubble "); ok {
		l.bubble, _, _ = strings.Cut(bubble, "]")
		l.bubble, _, _ = strings.Cut(l.bubble, ",")
	}
	i := strings.LastIndex(stack, "\ncreated by ")
	if i < 0 {
		return l
	}
	line, _, _ := strings.Cut(stack[i+len("\ncreated by "):], "\n")
	by, parent, _ := strings.Cut(line, " in goroutine ")
	l.parent, _ = strconv.ParseUint(parent, 10, 64)
	l.test = strings.HasPrefix(by, "testing.(*")
	return l
}
