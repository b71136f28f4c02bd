package inspect

import (
	"runtime"
	"strconv"
	"strings"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A stack is a handler that runs, as a dump of all goroutines shows it.
type stack struct {
	id   string // of the goroutine
	fn   string // the handler's function
	at   Place  // where the handler stands
	text string // of the whole goroutine, without how long it has been waiting
}

// key tells the handlers that run apart, but for one that has been called again by
// itself.
func (g stack) key() string { return g.id + " " + g.fn }

// handler describes the handler: where it is written, if s has a connection with
// it still, or else where it stands.
func (g stack) handler(s *scope.Scope) Place {
	p := g.at
	s.Each(connections, func(d scope.Detail) {
		if q := funcAt(d.PC); q.Name == g.fn && q.File != "" {
			p = q
		}
	})
	return p
}

func connections(k scope.Kind) bool { return k == scope.Connection }

// dump returns the stacks of all goroutines, one by one. It stops the world while
// the runtime prints them.
func dump() []string {
	buf := make([]byte, 1<<16)
	for {
		if n := runtime.Stack(buf, true); n < len(buf) {
			return strings.Split(strings.TrimSpace(string(buf[:n])), "\n\n")
		}
		buf = make([]byte, 2*len(buf))
	}
}

// handlerStacks returns the handlers that run.
func handlerStacks() (all []stack) {
	for _, g := range dump() {
		all = append(all, handlersIn(g)...)
	}
	return all
}

// handlersIn reads one goroutine: a line with its number, then pairs of lines, a
// function with its arguments and its position, innermost first. A handler is the
// last function before the library's that called it. A handler that fires has
// others above it.
func handlersIn(g string) (all []stack) {
	lines := strings.Split(g, "\n")
	id, state, _ := strings.Cut(strings.TrimPrefix(lines[0], "goroutine "), " ")
	state, _, _ = strings.Cut(strings.Trim(state, "[]:"), ",")
	lines[0] = "goroutine " + id + " [" + state + "]:"
	text := strings.Join(lines, "\n") + "\n"
	var user stack
	for i := 1; i+1 < len(lines); i += 2 {
		fn := function(lines[i])
		switch goroutine.FrameOf(fn) {
		case goroutine.HandlersFrame:
			if user.fn != "" {
				user.id, user.text = id, text
				all = append(all, user)
			}
			user = stack{}
		case goroutine.CallbackFrame:
			user = stack{} // what is above is a cleanup, timer function or the like
		case goroutine.UserFrame:
			user.fn, user.at = fn, position(fn, lines[i+1])
		}
	}
	return all
}

// function returns the function of a line of a stack, without its arguments.
func function(line string) string {
	if i := strings.LastIndexByte(line, '('); i > 0 {
		return line[:i]
	}
	return line
}

func position(fn, line string) Place {
	line, _, _ = strings.Cut(strings.TrimSpace(line), " ")
	i := strings.LastIndexByte(line, ':')
	n, err := strconv.Atoi(line[i+1:])
	if i < 0 || err != nil {
		return Place{Name: fn}
	}
	return Place{fn, line[:i], n}
}

// stacksOf returns the stacks of the goroutines that the library has call a
// function with one of the given names, eight of them at the most.
func stacksOf(names map[string]bool) string {
	var found []string
	for _, g := range dump() {
		lines := strings.Split(g, "\n")
		for i := 1; i+2 < len(lines); i += 2 {
			if names[function(lines[i])] && strings.HasPrefix(lines[i+2], module) {
				found = append(found, g)
				break
			}
		}
		if len(found) == 8 {
			break
		}
	}
	return strings.Join(found, "\n\n")
}
