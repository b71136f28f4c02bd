package inspect

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-ec287111/tether/internal/quote"
	"github.com/seed-ec287111/tether/internal/scope"
)

const (
	// columns is the width of a dump.
	columns = 80
	// alike is how many children of one kind are shown one by one; arbitrary.
	alike = 3
	// kinds is how many lines are given to the children of one owner, as many as
	// fit a terminal with what is around them.
	kinds = 20
)

// Dump writes the tree of all owners, roots oldest first, in lines of at most 80
// columns: below each owner what it holds, by function with file and line, and its
// children. More than three children of one owner that were made by one call (see
// [RecordSites]), or have one name but for digits, are one line with their number
// and what they hold together; so are the rest of more than twenty different ones.
//
//	app  alive                                               main.main main.go:20
//	  connection string ×2                                  main.greet main.go:31
//	  queue 3/16 DropOldest, 120 taken, 4 dropped
//	  player-# ×4000: 4000 connections, 4000 cleanups         main.join main.go:77
//
// The order is that of registration, so the same tree gives the same text. It
// returns the error of w. Cost: as [Growth] for what is shown; w is written to
// when everything has been looked at, with no lock held.
func Dump(w io.Writer) error {
	var d dumper
	for r := range Roots() {
		d.root(r)
	}
	return d.to(w)
}

// Dump is [Dump] for the owner that i describes and all below it.
func (i OwnerInfo) Dump(w io.Writer) error {
	var d dumper
	d.root(i)
	return d.to(w)
}

type dumper struct{ buf bytes.Buffer }

func (d *dumper) to(w io.Writer) error {
	_, err := d.buf.WriteTo(w)
	return err
}

func (d *dumper) root(i OwnerInfo) {
	s := i.scope.Value()
	if s == nil {
		d.line(0, name(i.Name)+"  garbage", i.Made)
		return
	}
	state := s.State()
	if i.Lost {
		state += ", lost"
	}
	d.line(0, name(s.Name())+"  "+state, callAt(s.Site()))
	d.holds(1, s)
}

// child writes a child that is shown for itself.
func (d *dumper) child(depth int, s *scope.Scope) {
	text := name(s.Name())
	if !s.Alive() {
		text += "  " + s.State()
	}
	d.line(depth, text, callAt(s.Site()))
	d.holds(depth+1, s)
}

// holds writes what s holds.
func (d *dumper) holds(depth int, s *scope.Scope) {
	if n := s.Handlers(); n > 0 {
		d.line(depth, count(n, "handler")+" running", Place{})
	}
	var queues []scope.Detail
	s.Each(resources, func(m scope.Detail) {
		if isQueue(m) {
			queues = append(queues, m)
		}
	})
	for _, q := range slices.Backward(queues) {
		d.line(depth, fmt.Sprintf("queue %d/%d %s, %d taken, %d dropped", q.Len, q.Capacity, q.Overflow, q.Taken, q.Dropped), Place{})
	}
	var children []group
	for _, g := range groups(s) {
		if g.kind == scope.Child {
			children = append(children, g)
			continue
		}
		text := kindName(g.kind)
		if g.kind == scope.Connection && g.what != "" {
			text += " " + g.what
		}
		d.line(depth, text+times(g.count), g.place())
	}
	d.children(depth, s, children)
}

// children writes the children of s, which are of the given groups.
func (d *dumper) children(depth int, s *scope.Scope, all []group) {
	shown := all[:min(len(all), kinds)]
	if len(all)-len(shown) == 1 {
		shown = all
	}
	members := make(map[groupKey][]*scope.Scope)
	var rest []*scope.Scope
	for _, c := range s.Children() {
		k := childKey(c)
		if slices.ContainsFunc(shown, func(g group) bool { return g.groupKey == k }) {
			members[k] = append(members[k], c)
		} else {
			rest = append(rest, c)
		}
	}
	for _, g := range shown {
		if m := members[g.groupKey]; len(m) > alike {
			d.line(depth, name(g.what)+times(len(m))+sum(m), g.place())
		} else {
			for _, c := range m {
				d.child(depth, c)
			}
		}
	}
	if len(rest) > 0 {
		d.line(depth, count(len(rest), "more owner")+sum(rest), Place{})
	}
}

// sum says what some owners hold together.
func sum(all []*scope.Scope) string {
	var t scope.Count
	dead := 0
	for _, s := range all {
		c := s.Count()
		t.Owners += c.Owners - 1
		t.Connections += c.Connections
		t.Goroutines += c.Goroutines
		t.Timers += c.Timers
		t.Cleanups += c.Cleanups
		if !s.Alive() {
			dead++
		}
	}
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, count(n, what))
		}
	}
	add(t.Owners, "owner")
	add(t.Connections, "connection")
	add(t.Goroutines, "goroutine")
	add(t.Timers, "timer")
	add(t.Cleanups, "cleanup")
	if dead > 0 {
		parts = append(parts, fmt.Sprint(dead, " dead"))
	}
	if parts == nil {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}

func times(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprint(" ×", n)
}

// name makes a name that somebody chose fit for a line.
func name(s string) string {
	if s == "" {
		return `""`
	}
	return quote.Name(s)
}

// line writes one line: text on the left, p on the right. What must give way is
// first the function's name, then the end of the text, but never the position.
func (d *dumper) line(depth int, text string, p Place) {
	indent := min(2*depth, columns/2)
	room := columns - indent
	fn, pos := p.short()
	if pos != "" {
		pos = " " + pos
	}
	if room -= width(pos); fn != "" {
		text = shorten(text, room-12) // some of the name, at the least
		fn = "  " + tail(fn, room-width(text)-2)
	} else {
		text = shorten(text, room)
	}
	right := fn + pos
	gap := room - width(text) - width(fn)
	if right == "" {
		gap = 0
	}
	fmt.Fprintf(&d.buf, "%*s%s%*s%s\n", indent, "", text, max(gap, 0), "", right)
}

func width(s string) int { return utf8.RuneCountInString(s) }

// shorten cuts the end of s off, so that n runes are left.
func shorten(s string, n int) string {
	if width(s) <= n {
		return s
	}
	return string([]rune(s)[:max(n-1, 1)]) + "…"
}

// tail cuts the beginning of s off.
func tail(s string, n int) string {
	if width(s) <= n {
		return s
	}
	r := []rune(s)
	return "…" + string(r[len(r)-max(n-1, 1):])
}
