package inspect

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/outline"
	"github.com/seed-ec287111/tether/internal/quote"
	"github.com/seed-ec287111/tether/internal/scope"
)

const (
	// columns is the width of a dump.
	columns = 80
	// most is how many lines a dump has; arbitrary, and far more than anybody reads.
	most = 1000
)

// Dump writes the tree of all owners, roots oldest first, in lines of at most 80 columns.
// Below each owner are its children and what it holds, by function with file and line.
//
// Roots are alike if one call made them and their names differ in digits only. So are
// children of one owner. For children the call is known only with [RecordSites]. Without it
// their names alone count. More than three that are alike are one line, with their number
// and what they hold together. If there are more than twenty different ones, the rest are
// one line. Queues with the same options are one line in the same way.
//
//	app  alive, staged                                       main.main main.go:20
//	  connection string ×2                                  main.greet main.go:31
//	  queue 3/16 DropOldest, 120 taken, 4 dropped
//	  heartbeat 100ms                                        main.main main.go:24
//	    timer                                                    tether.Heartbeat
//	  player-# ×4000: 4000 connections, 4000 cleanups         main.join main.go:77
//
// Beside the name of a root stands its state. Beside the name of a child stands only what
// is not usual: that it is not alive, that it is [tether.Staged], that it is ending in
// stages, or that it ends in its turn, see [tether.CloseInTurn].
//
// The order is that of registration, so the same tree gives the same text. The text has
// 1000 lines at the most. Dump returns the error of w, and panics if w is nil. Cost: as
// [Growth], for what is shown. Dump writes to w when it has looked at everything, with no
// lock held.
func Dump(w io.Writer) error {
	var d dumper
	d.check(w)
	d.roots()
	return d.to(w)
}

// Dump is the function [Dump] for the owner that i describes and all below it.
func (i OwnerInfo) Dump(w io.Writer) error {
	var d dumper
	d.check(w)
	if s := i.scope.Value(); s != nil {
		d.owner(0, s, i.Lost)
	} else {
		d.line(0, name(i.Name)+"  garbage", i.Made)
	}
	return d.to(w)
}

type dumper struct {
	buf   bytes.Buffer
	lines int
}

func (d *dumper) check(w io.Writer) {
	if check.Nil(w) {
		panic("inspect: Dump with nil Writer")
	}
}

func (d *dumper) to(w io.Writer) error {
	if n := d.lines - most; n > 0 {
		fmt.Fprintf(&d.buf, "and %s\n", outline.Count(n, "more line"))
	}
	_, err := d.buf.WriteTo(w)
	return err
}

func (d *dumper) roots() {
	type key struct {
		outline.Key
		lost, garbage bool
	}
	lines, rest := outline.Of(slices.Collect(scope.Roots()), func(r scope.Root) key {
		return key{outline.MakeKey(r.Site, r.Name), r.Lost, r.Scope() == nil}
	})
	for _, l := range lines {
		switch r := l[0]; {
		case len(l) > 1:
			text := ""
			if r.Lost {
				text = " lost"
			}
			d.line(0, name(outline.Fold(r.Name))+times(len(l))+text+outline.Sum(scopes(l)), callAt(r.Site))
		case r.Scope() == nil:
			d.line(0, name(r.Name)+"  garbage", callAt(r.Site))
		default:
			d.owner(0, r.Scope(), r.Lost)
		}
	}
	d.rest(0, scopes(rest))
}

func scopes(roots []scope.Root) (all []*scope.Scope) {
	for _, r := range roots {
		if s := r.Scope(); s != nil {
			all = append(all, s)
		}
	}
	return all
}

// owner writes an owner that has a line of its own, what it holds, and all below it. It keeps
// what is still to be written in a list, as a tree may be too deep for calls in each other.
func (d *dumper) owner(depth int, s *scope.Scope, lost bool) {
	todo := []branch{{depth: depth, like: []*scope.Scope{s}}}
	for len(todo) > 0 {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch first := b.like[0]; {
		case b.rest:
			d.rest(b.depth, b.like)
		case len(b.like) > 1:
			d.line(b.depth, name(outline.Fold(first.Name()))+times(len(b.like))+outline.Sum(b.like), callAt(first.Site()))
		default:
			d.alone(b.depth, first, lost && first == s)
			lines, rest := outline.Of(first.Children(), outline.KeyOf)
			if len(rest) > 0 {
				todo = append(todo, branch{b.depth + 1, rest, true})
			}
			for _, l := range slices.Backward(lines) {
				todo = append(todo, branch{b.depth + 1, l, false})
			}
		}
	}
}

// A branch is what has one line, with what is below it: an owner, several that are alike, or
// the rest of the children.
type branch struct {
	depth int
	like  []*scope.Scope
	rest  bool
}

// alone writes an owner, and what it holds itself.
func (d *dumper) alone(depth int, s *scope.Scope, lost bool) {
	text := name(s.Name())
	if notes := notes(s, depth == 0, lost); notes != "" {
		text += "  " + notes
	}
	d.line(depth, text, callAt(s.Site()))
	d.holds(depth+1, s)
}

// notes returns the text beside the name of s.
func notes(s *scope.Scope, top, lost bool) string {
	var all []string
	add := func(yes bool, what string) {
		if yes {
			all = append(all, what)
		}
	}
	sealed, alive := s.Sealed(), s.Alive()
	add(top || !alive, s.State())
	add(sealed, "ending in stages")
	add(alive && !sealed && s.Staged(), "staged")
	add(alive && s.InTurn(), "ends in turn")
	add(top && s.Unattended(), "unattended")
	add(lost, "lost")
	return strings.Join(all, ", ")
}

// holds writes what s holds but its children.
func (d *dumper) holds(depth int, s *scope.Scope) {
	if n := s.Handlers(); n > 0 {
		d.line(depth, outline.Count(n, "handler")+" running", Place{})
	}
	d.queues(depth, s)
	for _, l := range s.Lingering() {
		d.line(depth, outline.Count(l.Len, "value")+" pending", funcAt(l.PC))
	}
	for _, g := range members(s) {
		text := kindName(g.kind)
		if g.kind == scope.Connection && g.what != "" {
			text += " " + g.what
		}
		d.line(depth, text+times(g.count), g.place())
	}
}

func (d *dumper) rest(depth int, all []*scope.Scope) {
	if len(all) > 0 {
		d.line(depth, outline.Count(len(all), "more owner")+outline.Sum(all), Place{})
	}
}

// queues writes the queues of s.
func (d *dumper) queues(depth int, s *scope.Scope) {
	var all []scope.Detail
	s.Each(resources, func(m scope.Detail) {
		if isQueue(m) {
			all = append(all, m)
		}
	})
	slices.Reverse(all)
	type key struct {
		capacity int
		overflow string
	}
	lines, rest := outline.Of(all, func(q scope.Detail) key { return key{q.Capacity, q.Overflow} })
	for _, l := range lines {
		q := l[0]
		capacity := strconv.Itoa(q.Capacity)
		if q.Capacity == math.MaxInt {
			capacity = "unbounded"
		}
		if len(l) == 1 {
			d.queue(depth, fmt.Sprintf("queue %d/%s %s", q.Len, capacity, q.Overflow), l)
		} else {
			d.queue(depth, fmt.Sprintf("queue %s %s%s, %d pending", capacity, q.Overflow, times(len(l)), sumOf(l).Len), l)
		}
	}
	if len(rest) > 0 {
		d.queue(depth, fmt.Sprintf("%s, %d pending", outline.Count(len(rest), "more queue"), sumOf(rest).Len), rest)
	}
}

func (d *dumper) queue(depth int, text string, all []scope.Detail) {
	sum := sumOf(all)
	d.line(depth, fmt.Sprintf("%s, %d taken, %d dropped", text, sum.Taken, sum.Dropped), Place{})
}

// sumOf adds up the counts of queues.
func sumOf(queues []scope.Detail) (sum scope.Detail) {
	for _, q := range queues {
		sum.Len += q.Len
		sum.Taken += q.Taken
		sum.Dropped += q.Dropped
	}
	return sum
}

func times(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprint(" ×", n)
}

// name makes a name that a program chose fit for a line.
func name(s string) string {
	if s == "" {
		return `""`
	}
	return quote.Name(s)
}

// line writes one line: text on the left, p on the right. If there is no room, it shortens the
// function's name first, and then the end of the text. It never shortens the position.
func (d *dumper) line(depth int, text string, p Place) {
	if d.lines++; d.lines > most {
		return
	}
	indent := min(2*depth, columns/2)
	room := columns - indent
	fn, pos := p.short()
	if pos != "" {
		pos = " " + pos
	}
	if room -= width(pos); fn != "" {
		text = shorten(text, room-12) // leaves room for some of the name
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
