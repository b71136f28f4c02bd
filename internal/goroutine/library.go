package goroutine

import (
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file is for reports. It goes by names, and knows less in a build that has changed
// them. Nothing but the text of a report depends on it.

// module is the prefix of the library's functions.
const module = "github.com/seed-ec287111/tether"

// programs has the directories of the module whose packages use the library as any program
// does. All other packages, now or later, are parts of the library.
var programs = []string{"bench", "docs", "examples", "tethervet", "tools", "verify"}

// Library reports whether fn, a function as the runtime names it, is of one of the
// library's packages. Their external tests are not.
func Library(fn string) bool {
	_, _, ok := cutPackage(fn)
	return ok
}

// cutPackage returns the package of a function of the library, by its last name, and the
// rest. Internal packages go by the name of the root.
func cutPackage(fn string) (pkg, rest string, ok bool) {
	rest, ok = strings.CutPrefix(fn, module)
	if !ok || rest == "" {
		return "", "", false
	}
	dir, rest, ok := strings.Cut(rest, ".")
	if !ok || dir != "" && dir[0] != '/' || strings.HasSuffix(dir, "_test") {
		return "", "", false
	}
	path := strings.Split(strings.TrimPrefix(dir, "/"), "/")
	switch {
	case slices.Contains(programs, path[0]):
		return "", "", false
	case path[0] == "" || path[0] == "internal":
		return "tether", rest, true
	}
	return path[len(path)-1], rest, true
}

// Public returns what a report calls fn, a function of the library: the exported name that
// it is a part of, because the reader knows no other. "tether.(*Heartbeat).arm.func1" is
// "tether.Heartbeat". A function that is part of no exported name has that of its package.
// ok is false if fn is not of the library.
func Public(fn string) (name string, ok bool) {
	pkg, rest, ok := cutPackage(strings.ReplaceAll(fn, "[...]", ""))
	if !ok {
		return "", false
	}
	first, rest, _ := strings.Cut(strings.TrimSuffix(rest, "-fm"), ".")
	method, _, _ := strings.Cut(rest, ".")
	bare := strings.Trim(first, "(*)")
	switch {
	case !exported(bare):
		return pkg, true
	case bare != first && exported(method):
		return pkg + "." + first + "." + method, true
	}
	return pkg + "." + bare, true
}

func exported(name string) bool {
	first, _ := utf8.DecodeRuneInString(name)
	return unicode.IsUpper(first)
}

// CloseOf returns what a report calls the Close of c. A type that the reader can't know
// has the name of its package.
func CloseOf(c io.Closer) string {
	t := reflect.TypeOf(c)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	fn, _, _ := strings.Cut(t.PkgPath()+"."+t.Name(), "[")
	if name, ok := Public(fn); ok && isPart(fn) && !exported(t.Name()) {
		return name
	}
	return fmt.Sprintf("(%T).Close", c)
}

// CallerOf returns where the function skip frames above its caller was called. skip 0 is
// the caller. If the library itself called that function, CallerOf returns where the user's
// code called the library: the return address of the innermost call on the stack that is
// neither the library's nor the runtime's, 0 if there is none. Cost: 150 ns, and some
// microseconds if the library was the caller.
func CallerOf(skip int) uintptr {
	var near [1]uintptr
	runtime.Callers(skip+3, near[:])
	if f := runtime.FuncForPC(near[0] - 1); f != nil && !Library(f.Name()) {
		return near[0]
	}
	return UserCall()
}

// UserCall returns where the user's code called the library, as [CallerOf] has it.
func UserCall() uintptr {
	var pcs [128]uintptr // far more than the library has between its user and itself
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if FrameOf(f.Function) == UserFrame {
			return f.PC + 1
		}
		if !more {
			return 0
		}
	}
}
