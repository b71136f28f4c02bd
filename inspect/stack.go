package inspect

import (
	"strings"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A stack is a running handler, as a dump of all goroutines shows it.
type stack struct {
	goroutine.HandlerCall

	key string // tells running handlers apart; one that has called itself again has the same key
}

// among reports whether the handler has one of the given names.
func (g stack) among(names map[string]bool) bool {
	_, ok := g.Among(names)
	return ok
}

// handler describes the handler: the function as s has connected it, if s still has a
// connection with it, or else the place where the goroutine stands.
func (g stack) handler(s *scope.Scope) Place {
	written := make(map[string]Place)
	names := make(map[string]bool)
	s.Each(connections, func(d scope.Detail) {
		p := funcAt(d.PC)
		written[p.Name], names[p.Name] = p, true
	})
	f, ok := g.Among(names)
	if p := written[f.Name]; p.File != "" {
		return p
	} else if !ok {
		f = g.Outermost()
	}
	return Place{strings.Clone(f.Name), strings.Clone(f.File), f.Line} // apart from the dump
}

func connections(k scope.Kind) bool { return k == scope.Connection }

// handlerStacks returns the handlers that run.
func handlerStacks() (all []stack) {
	for _, h := range goroutine.Handlers() {
		all = append(all, stack{h, h.Goroutine + " " + h.Outermost().Name})
	}
	return all
}

// stacksOf returns those stacks of a dump on which the library calls a function with one of
// the given names, eight stacks at the most.
func stacksOf(dump []string, names map[string]bool) string {
	var found []string
	for _, g := range dump {
		lines := strings.Split(g, "\n")
		for i := 1; i+2 < len(lines); i += 2 {
			if names[goroutine.FunctionIn(lines[i])] && goroutine.Library(goroutine.FunctionIn(lines[i+2])) {
				found = append(found, g)
				break
			}
		}
		if len(found) == 8 {
			break
		}
	}
	return strings.Clone(strings.Join(found, "\n\n")) // apart from the dump, if there is only one
}
