package inspect

import (
	"bytes"
	"context"
	"reflect"
	"strings"

	"github.com/seed-ec287111/tether/internal/scope"
)

// A Found is an owner that [Search] has found.
type Found struct {
	Brief
	Why  string // "name", or the kind, as in [Group], of the thing that it holds
	What string // for a connection the type of the signal
	Func Place  // the function of the thing that it holds
}

// Search looks for owners. It finds an owner if its name has text in it, or if it holds
// something whose function, file with line, or signal's type has text in it. ASCII letters
// may be upper or lower case. If text has a slash, Search looks for it in paths, and finds
// an owner if the match reaches into the last name of its path. Names are as they are,
// unquoted.
//
// Search returns at most most owners, the newest first. looked is the number of owners that
// it has looked at. It stops when it has found most owners, or when ctx ends, and then more
// is true. If an owner holds very much, Search looks at the newest part. Cost: 100 ns for
// each owner, and 200 ns for each thing that it holds. User code runs under no lock.
func Search(ctx context.Context, text string, most int) (found []Found, looked int, more bool) {
	q := &searcher{
		text: lower([]byte(text)), path: strings.Contains(text, "/"),
		pcs: make(map[uintptr]bool), types: make(map[reflect.Type]bool),
	}
	lost := false
	for depth, s := range everything(&lost) {
		if len(found) == most || looked%256 == 0 && ctx.Err() != nil {
			return found, looked, true
		}
		looked++
		if f, ok := q.match(depth, s); ok {
			f.Brief = brief(s)
			found = append(found, f)
		}
	}
	return found, looked, lost
}

type searcher struct {
	text  []byte // in lower case
	path  bool   // text is looked for in paths
	at    []byte // the path of the owner at hand
	ends  []int  // where the names in at end, by depth
	low   []byte // scratch
	pcs   map[uintptr]bool
	types map[reflect.Type]bool
}

func (q *searcher) match(depth int, s *scope.Scope) (f Found, ok bool) {
	start := 0
	q.ends = q.ends[:depth]
	if depth > 0 {
		start = q.ends[depth-1]
	}
	q.at = append(q.at[:start], s.Name()...)
	if q.path {
		from := max(0, start-len(q.text)+1)
		ok = q.in(q.at[from:])
	} else {
		ok = q.in(q.at[start:])
	}
	q.at = append(q.at, '/')
	q.ends = append(q.ends, len(q.at))
	if ok {
		return Found{Why: "name"}, true
	}
	s.Newest(mostMembers, grouped, func(d scope.Detail) bool {
		if !q.holds(d) {
			return true
		}
		ok = true
		f = Found{Why: kindName(d.Kind), What: typeName(d.Signal), Func: placeOf(d)}
		return false
	})
	return f, ok
}

func (q *searcher) holds(d scope.Detail) bool {
	if d.PC == 0 && q.in([]byte(d.Name)) {
		return true
	}
	named, known := q.pcs[d.PC]
	if !known && d.PC != 0 {
		p := funcAt(d.PC)
		named = q.in([]byte(p.Name)) || q.in([]byte(p.String()))
		q.pcs[d.PC] = named
	}
	if named || d.Signal == nil {
		return named
	}
	typed, known := q.types[d.Signal]
	if !known {
		typed = q.in([]byte(d.Signal.String()))
		q.types[d.Signal] = typed
	}
	return typed
}

// in reports whether q.text is in s.
func (q *searcher) in(s []byte) bool {
	if len(s) < len(q.text) {
		return false
	}
	q.low = lower(append(q.low[:0], s...))
	return bytes.Contains(q.low, q.text)
}

func lower(s []byte) []byte {
	for i, c := range s {
		if 'A' <= c && c <= 'Z' {
			s[i] = c + 'a' - 'A'
		}
	}
	return s
}
