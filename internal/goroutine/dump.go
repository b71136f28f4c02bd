package goroutine

import (
	"fmt"
	"runtime"
	"strings"
)

// The functions under which user code runs, as a dump of goroutines names them.
var (
	handlerNames = []string{
		module + "/internal/connlist.Fire[...]",
		module + "/internal/connlist.(*firing[...]).deliver",
		module + "/internal/goroutine.Handler",
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

// A Frame says what kind of function a frame of a stack belongs to.
type Frame uint8

const (
	UserFrame     Frame = iota // a function of the user's or of the standard library
	LibraryFrame               // a function of the library, see Library, or one in which goroutines wait
	HandlersFrame              // the library's loop over handlers: what is above is a handler
	CallbackFrame              // the library's call of another function of the user's
)

// FrameOf says what fn is, a function as a dump names it.
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
	if Library(fn) {
		return LibraryFrame
	}
	return UserFrame
}

// PanickingFunc describes the user's function whose panic a deferred function of the
// library is handling: the last one on the stack before the library's own.
func PanickingFunc() string {
	fn, panicking := "unknown", false
	frames := runtime.CallersFrames(callers())
	for {
		f, more := frames.Next()
		switch kind := FrameOf(f.Function); {
		case kind == HandlersFrame || kind == CallbackFrame:
			if panicking {
				return fn
			} // else it is above the panic, and the deferred function's
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

// FuncAt describes the function that starts at pc: its name, file and line. A function of
// the library's own is described by its public name, see [Public].
func FuncAt(pc uintptr) string {
	f := runtime.FuncForPC(pc)
	if f == nil {
		return "unknown"
	}
	if name, ok := Public(f.Name()); ok {
		return name
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
