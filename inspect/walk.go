package inspect

import (
	"iter"
	"slices"

	"github.com/seed-ec287111/tether/internal/scope"
)

// paging is how many children everything takes at a time, so that it does not lock an owner
// with very many for long: some 100 us.
const paging = 4096

// everything returns the owners of the program with their depth, 0 for roots: parents
// first, and newest first, each once. It leaves out owners that are made meanwhile. Of each
// owner's children it refers only to those that it takes at a time. If all of these have
// ended before it takes the next, it does not know where to go on. Then it leaves out the
// others, and sets lost.
func everything(lost *bool) iter.Seq2[int, *scope.Scope] {
	type level struct {
		s    *scope.Scope
		page []*scope.Scope
		next int
	}
	return func(yield func(int, *scope.Scope) bool) {
		var tops []*scope.Scope
		for r := range scope.Roots() {
			if s := r.Scope(); s != nil {
				tops = append(tops, s)
			}
		}
		slices.Reverse(tops)
		levels := []level{{page: tops}}
		for len(levels) > 0 {
			l := &levels[len(levels)-1]
			if l.next == len(l.page) {
				if l.s != nil && len(l.page) == paging {
					older, ok := l.s.Older(l.page, paging)
					*lost = *lost || !ok
					l.page, l.next = older, 0
				}
				if l.next == len(l.page) {
					levels = levels[:len(levels)-1]
				}
				continue
			}
			s := l.page[l.next]
			l.next++
			if !yield(len(levels)-1, s) {
				return
			}
			if page, _ := s.Older(nil, paging); len(page) > 0 {
				levels = append(levels, level{s: s, page: page})
			}
		}
	}
}
