// Package goroutine tells a goroutine what it is in the middle of, by reading
// stacks. Nothing here is cheap, microseconds rather than nanoseconds; all of
// it is for the paths where a teardown would otherwise have to wait.
package goroutine

import (
	"fmt"
	"runtime"
	"strings"
)

// module is the prefix of the library's functions.
const module = "github.com/seed-ec287111/tether"

// The functions under which user code runs. A stack that has one of the first
// kind is inside a handler, timer function, cleanup or the like; one that has
// one of the second kind only is that of an owned goroutine.
//
// These are names, not program counters, because a generic function has as
// many program counters as it has instances, and an inlined one has none.
var (
	handlerMarks = map[string]bool{
		module + ".(*Signal[...]).deliver": true,
		module + ".(*Queue).handle":        true,
	}
	otherMarks = map[string]bool{
		module + "/internal/scope.callout":  true,
		module + "/internal/scope.closeOut": true,
	}
	bodyMarks = map[string]bool{
		module + "/internal/scope.(*Task).call": true,
	}
)

// ID returns a number that no other living goroutine has. Cost: 1-3 us near
// the start of a goroutine, more on a deep stack.
func ID() uint64 {
	var buf [64]byte
	text := buf[len("goroutine "):runtime.Stack(buf[:], false)]
	var id uint64
	for _, c := range text {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}

// Where reports whether the caller is inside a call that the library made to
// user code (a handler, timer function, interrupt, cleanup or closer), and
// whether it is on a goroutine that belongs to an owner.
func Where() (inCall, owned bool) {
	each(func(f runtime.Frame) bool {
		inCall = handlerMarks[f.Function] || otherMarks[f.Function]
		owned = owned || bodyMarks[f.Function]
		return !inCall
	})
	return inCall, owned
}

// Culprit describes the user function whose panic is being handled by a
// deferred function of the library: the last one before the library's own.
func Culprit() string {
	fn, panicking := "unknown", false
	each(func(f runtime.Frame) bool {
		switch {
		case handlerMarks[f.Function] || otherMarks[f.Function] || bodyMarks[f.Function]:
			return !panicking // what is above the panic is the deferred function
		case f.Function == "runtime.gopanic":
			panicking = true
		case panicking && users(f.Function):
			fn = describe(f.Function, f.File, f.Line)
		}
		return true
	})
	return fn
}

// each calls f for the caller's frames, innermost first, until f returns false.
func each(f func(runtime.Frame) bool) {
	var pcs [64]uintptr
	for skip := 3; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		if n == 0 {
			return
		}
		frames := runtime.CallersFrames(pcs[:n])
		for {
			frame, more := frames.Next()
			if !f(frame) {
				return
			}
			if !more {
				break
			}
		}
	}
}

// Func describes the function that starts at pc: its name, file and line.
func Func(pc uintptr) string {
	f := runtime.FuncForPC(pc)
	if f == nil {
		return "unknown"
	}
	file, line := f.FileLine(pc)
	return describe(f.Name(), file, line)
}

// Site describes the call that returns to pc: the function that made it, with
// file and line.
func Site(pc uintptr) string {
	if pc == 0 {
		return "unknown"
	}
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	return describe(f.Function, f.File, f.Line)
}

func describe(fn, file string, line int) string {
	return fmt.Sprintf("%s (%s:%d)", fn, file, line)
}

// Handlers describes the handlers that run now, on any goroutine, and where
// they stand. It stops the world while the runtime prints all stacks.
func Handlers() []string {
	buf := make([]byte, 1<<16)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	var handlers []string
	for g := range strings.SplitSeq(string(buf), "\n\n") {
		handlers = append(handlers, handlersIn(g)...)
	}
	return handlers
}

// handlersIn reads one goroutine's stack: pairs of lines, a function with its
// arguments and its position, innermost first. The handler is the last user
// function before the library's own.
func handlersIn(stack string) (handlers []string) {
	lines := strings.Split(stack, "\n")
	user := ""
	for i := 1; i+1 < len(lines); i += 2 {
		fn := lines[i]
		if j := strings.LastIndexByte(fn, '('); j > 0 {
			fn = fn[:j]
		}
		switch {
		case handlerMarks[fn] && user != "":
			handlers = append(handlers, user)
			user = ""
		case handlerMarks[fn] || otherMarks[fn]:
			user = ""
		case users(fn):
			pos, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " ")
			user = fmt.Sprintf("%s (%s)", fn, pos)
		}
	}
	return handlers
}

// users reports whether fn is none of the library's own functions and none of
// the packages below all others, in which goroutines wait.
func users(fn string) bool {
	for _, p := range []string{"runtime.", "sync.", "internal/", "created by "} {
		if strings.HasPrefix(fn, p) {
			return false
		}
	}
	rest, ours := strings.CutPrefix(fn, module)
	return !ours || !strings.HasPrefix(rest, ".") && !strings.HasPrefix(rest, "/internal/")
}
