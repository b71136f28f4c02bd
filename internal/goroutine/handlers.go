package goroutine

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A HandlerCall is a call of a handler that is running, as a dump of all goroutines shows it.
type HandlerCall struct {
	Goroutine string // its number
	Funcs     []Func // the user's from the library's call on, outermost last; at least one
	Text      string // of the whole goroutine, without how long it has been waiting
}

// A Func is a function on a stack, and where it stands. If the library itself handles a
// value, the name is that of the library's part, see [Public], and there is no file.
type Func struct {
	Name string
	File string
	Line int
}

// String returns the name, with file and line if there is a file.
func (f Func) String() string {
	if f.File == "" {
		return f.Name
	}
	return describe(f.Name, f.File, f.Line)
}

// Outermost returns the function that the library has called.
func (h HandlerCall) Outermost() Func { return h.Funcs[len(h.Funcs)-1] }

// Among returns the outermost function that has one of the given names. It need not be the
// one that the library has called: a Source of the user's own may have put another function
// around the handler.
func (h HandlerCall) Among(names map[string]bool) (f Func, ok bool) {
	for _, f := range slices.Backward(h.Funcs) {
		if names[f.Name] {
			return f, true
		}
	}
	return f, false
}

// Stacks returns the stacks of all goroutines, one by one. It stops the world while the
// runtime prints them.
func Stacks() []string {
	buf := make([]byte, 1<<16)
	for {
		if n := runtime.Stack(buf, true); n < len(buf) {
			return strings.Split(strings.TrimSpace(string(buf[:n])), "\n\n")
		}
		buf = make([]byte, 2*len(buf))
	}
}

// Handlers returns the handlers that run now, on any goroutine. Its cost is that of
// [Stacks].
func Handlers() (all []HandlerCall) {
	for _, g := range Stacks() {
		all = append(all, handlersIn(g)...)
	}
	return all
}

// RunningHandlers describes the handlers that run now, and where they stand.
func RunningHandlers() (all []string) {
	for _, h := range Handlers() {
		all = append(all, h.Outermost().String())
	}
	return all
}

// handlersIn reads one goroutine's stack: a line with its number, then pairs of lines, a
// function with its arguments and its position, innermost first. A handler is the last user
// function before the function of the library that called it. A handler that fires has
// others above it.
func handlersIn(g string) (all []HandlerCall) {
	lines := strings.Split(g, "\n")
	id, state, _ := strings.Cut(strings.TrimPrefix(lines[0], "goroutine "), " ")
	var h HandlerCall
	own := "" // the library's own handler, if there is no other
	for i := 1; i+1 < len(lines); i += 2 {
		fn := FunctionIn(lines[i])
		switch FrameOf(fn) {
		case HandlersFrame:
			if h.Funcs == nil && own != "" {
				h.Funcs = []Func{{Name: own}}
			}
			if h.Funcs != nil {
				all = append(all, h)
			}
			h, own = HandlerCall{}, ""
		case CallbackFrame: // what is above is a cleanup, timer function or the like
			h, own = HandlerCall{}, ""
		case UserFrame:
			file, line := position(lines[i+1])
			h.Funcs = append(h.Funcs, Func{fn, file, line})
		case LibraryFrame:
			if name, ok := Public(fn); ok && isPart(fn) {
				own = name
			}
		}
	}
	if all == nil {
		return nil
	}
	state, _, _ = strings.Cut(strings.Trim(state, "[]:"), ",")
	lines[0] = fmt.Sprintf("goroutine %s [%s]:", id, state)
	text := strings.Join(lines, "\n") + "\n"
	for i := range all {
		all[i].Goroutine, all[i].Text = id, text
	}
	return all
}

// isPart reports whether fn, a function of the library, is of a public package other than
// the root. Functions of these may be handlers themselves.
func isPart(fn string) bool {
	rest := strings.TrimPrefix(fn, module)
	return strings.HasPrefix(rest, "/") && !strings.HasPrefix(rest, "/internal/")
}

// FunctionIn returns the function of a line of a stack, without its arguments.
func FunctionIn(line string) string {
	if i := strings.LastIndexByte(line, '('); i > 0 {
		return line[:i]
	}
	return line
}

// position reads the line below, as in "\t/src/main.go:12 +0x1d".
func position(line string) (file string, n int) {
	line, _, _ = strings.Cut(strings.TrimSpace(line), " ")
	i := strings.LastIndexByte(line, ':')
	n, err := strconv.Atoi(line[i+1:])
	if i < 0 || err != nil {
		return "", 0
	}
	return line[:i], n
}
