package goroutine

import (
	"fmt"
	"runtime"
	"strings"
)

// What follows is for reports. It goes by names, and where a build has changed them it
// knows less: nothing but the text of a report depends on it.

// module is the prefix of the library's functions.
const module = "github.com/seed-ec287111/tether"

// The functions under which user code runs, as a dump of goroutines names them.
var (
	handlerNames = []string{
		module + "/internal/connlist.Fire[...]",
		module + "/internal/connlist.(*firing[...]).deliver",
		module + "/internal/connlist.FireHeld[...]",
		module + ".(*runner).handle",
		module + "/internal/goroutine.Compute",
		module + "/internal/goroutine.Effect",
	}
	callbackNames = []string{
		module + "/internal/goroutine.Callback",
		module + "/internal/goroutine.Cleanup",
		module + "/internal/goroutine.Close",
		module + "/internal/goroutine.Body",
	}
)

// A Frame says who has called a function on a stack.
type Frame uint8

const (
	UserFrame     Frame = iota // or one of the standard library
	LibraryFrame               // one of the library's own, or of where goroutines wait
	HandlersFrame              // the library's loop over handlers: what is above is a handler
	CallbackFrame              // what calls other functions of the user's
)

// FrameOf says what the function fn is, which is given as a dump has it.
func FrameOf(fn string) Frame {
	for _, name := range handlerNames {
		if fn == name {
			return HandlersFrame
		}
	}
	for _, name := range callbackNames {
		if fn == name {
			return CallbackFrame
		}
	}
	for _, p := range []string{"runtime.", "sync.", "internal/", "created by "} {
		if strings.HasPrefix(fn, p) {
			return LibraryFrame
		}
	}
	rest, ours := strings.CutPrefix(fn, module)
	if ours && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "/internal/") || strings.HasPrefix(rest, "/state.")) {
		return LibraryFrame
	}
	return UserFrame
}

// PanickingFunc describes the user's function whose panic is being handled by a deferred
// function of the library: the last one before the library's own.
func PanickingFunc() string {
	fn, panicking := "unknown", false
	frames := runtime.CallersFrames(callers())
	for {
		f, more := frames.Next()
		switch kind := FrameOf(f.Function); {
		case kind == HandlersFrame || kind == CallbackFrame:
			if panicking {
				return fn
			} // else what is above the panic, the deferred function's
		case f.Function == "runtime.gopanic":
			panicking = true
		case panicking && kind == UserFrame:
			fn = describe(f.Function, f.File, f.Line)
		}
		if !more {
			return fn
		}
	}
}

// callers returns the caller's stack. Its cost is linear in the depth, see walk.
func callers() []uintptr {
	pcs := make([]uintptr, 128)
	for {
		n := runtime.Callers(3, pcs)
		if n < len(pcs) {
			return pcs[:n]
		}
		pcs = make([]uintptr, 8*n)
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

// RunningHandlers describes the handlers that run now, on any goroutine, and where
// they stand. It stops the world while the runtime prints all stacks.
func RunningHandlers() []string {
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
		switch FrameOf(fn) {
		case HandlersFrame:
			if user != "" {
				handlers = append(handlers, user)
			}
			user = ""
		case CallbackFrame:
			user = ""
		case UserFrame:
			pos, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " ")
			user = fmt.Sprintf("%s (%s)", fn, pos)
		}
	}
	return handlers
}
