package tethertest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/outline"
	"github.com/seed-ec287111/tether/internal/scope"
)

// tree describes a root, or some that are alike, and what is below: what they hold together,
// and all their children. It keeps what is still to be described in a list, as a tree may be too
// deep for calls in each other.
func (r *report) tree(depth int, roots []*scope.Scope, name string) {
	type branch struct {
		depth int
		path  *way
		like  []*scope.Scope
		rest  bool // these are only counted
	}
	for todo := []branch{{depth, &way{nil, name}, roots, false}}; len(todo) > 0; {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if b.rest {
			r.line(b.depth, "%s%s", outline.Count(len(b.like), "more owner"), outline.Sum(b.like))
			continue
		}
		lines, rest := outline.Of(r.owners(b.depth, b.path, b.like), outline.KeyOf)
		if len(rest) > 0 {
			todo = append(todo, branch{b.depth + 1, b.path, rest, true})
		}
		for _, l := range slices.Backward(lines) {
			todo = append(todo, branch{b.depth + 1, &way{b.path, nameOf(l, l[0].Name())}, l, false})
		}
	}
}

// owners describes an owner, or some that are alike, and returns the children.
func (r *report) owners(depth int, path *way, like []*scope.Scope) (children []*scope.Scope) {
	var held tally
	dead := 0
	for _, s := range like {
		shot := s.Snapshot()
		if len(like) == 1 {
			r.line(depth, "owner %s%s", path, r.state(shot))
		} else if shot.State != "alive" {
			dead++
		}
		for _, name := range r.runningHandlers(s, shot) {
			held.add(thing{kind: "running handler", name: name}, 1)
		}
		for _, m := range shot.Members {
			held.add(describe(m))
		}
		for _, l := range s.Lingering() {
			held.add(thing{kind: "pending value", pc: l.PC}, l.Len)
		}
		children = append(children, shot.Children...)
	}
	if n := len(like); n > 1 {
		state := ""
		if r.lost[like[0]] {
			state = ", lost: " + becameGarbage + ", but what they hold lives"
		}
		if dead > 0 {
			state += fmt.Sprintf(", %d of them dead", dead)
		}
		r.line(depth, "%d owners %s%s", n, path, state)
	}
	r.line(depth+1, "made by %s", goroutine.Site(like[0].Site()))
	for _, th := range held.order {
		r.line(depth+1, "%s", strings.TrimSpace(numbered(held.counts[th], th.kind)+" "+th.what()))
	}
	return children
}

// state says what a reader has to know about an owner that has not ended.
func (r *report) state(shot scope.Snapshot) string {
	switch {
	case r.lost[shot.Scope]:
		return ", lost: " + becameGarbage + ", but what it holds lives"
	case shot.Sealed:
		return ", ending in stages: its end waits for that of a child"
	case shot.State == "unwinding" && shot.Unwinds != "":
		return ", unwinding: its end waits for the cleanup " + shot.Unwinds
	case shot.State != "alive":
		return ", " + shot.State + ": its end waits for what still runs"
	case shot.Scope.InTurn() && !shot.Scope.Parent().Alive():
		return ", ends in its turn"
	}
	return ""
}

// runningHandlers names the handlers of s that run, as far as that is certain:
// stacks tell which handlers run, but not whose they are.
func (r *report) runningHandlers(s *scope.Scope, shot scope.Snapshot) (names []string) {
	if shot.Handlers == 0 {
		return nil
	}
	for _, c := range s.RunningAmong(r.running) { // what is counted, as where s is cut off
		if c.Kind == "handler" && c.Owner == s.String() && c.Func != "unknown" {
			names = append(names, c.Func)
		}
	}
	if len(names) == shot.Handlers {
		return names
	}
	own := map[string]bool{}
	for _, m := range shot.Members {
		if m.Kind == scope.Connection {
			name, _, _ := strings.Cut(goroutine.FuncAt(m.PC), " ")
			own[name] = true
		}
	}
	names = nil
	for _, h := range r.handlers() {
		if f, ok := h.Among(own); ok {
			names = append(names, f.String())
		}
	}
	if len(names) == shot.Handlers {
		return names
	}
	if len(names) > shot.Handlers && len(slices.Compact(slices.Clone(names))) == 1 {
		return names[:shot.Handlers] // whichever of them: it is one function
	}
	return slices.Repeat([]string{"unknown"}, shot.Handlers)
}
