package inspect

import (
	"fmt"
	"path"
	"runtime"
	"strings"
	"sync"

	"github.com/seed-ec287111/tether/internal/goroutine"
)

// A Place is a function, or a call inside one: where a handler or a cleanup is written, or
// where an owner was made. The zero Place is unknown.
//
// A method value, as in Connect(owner, player.move), has the method's name but no file, as
// the compiler notes none. A closer has the name of its Close. What the library itself
// holds or runs in an owner has the exported name that it is a part of, such as
// tether.Heartbeat, history.Record or pool.Lease, and no file.
type Place struct {
	Name string `json:"name,omitempty"` // with its package's path
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// String returns "name (file:line)". It returns the name if there is no file, and "unknown"
// for the zero Place.
func (p Place) String() string {
	switch {
	case p == Place{}:
		return "unknown"
	case p.File == "":
		return p.Name
	}
	return fmt.Sprintf("%s (%s:%d)", p.Name, p.File, p.Line)
}

// short returns the name without the package's path, and the position without
// the directory.
func (p Place) short() (name, pos string) {
	name, args, _ := strings.Cut(p.Name, "[") // type arguments may have paths of their own
	name = name[strings.LastIndexByte(name, '/')+1:]
	if args != "" {
		name += "[" + args
	}
	if p.File != "" {
		pos = fmt.Sprintf("%s:%d", path.Base(strings.ReplaceAll(p.File, `\`, "/")), p.Line)
	}
	return name, pos
}

// places remembers what the runtime says about program counters. It has at most as many
// entries as the program has functions and calls.
var places sync.Map // of placeKey to Place

type placeKey struct {
	pc   uintptr
	call bool
}

// funcAt describes the function that starts at pc.
func funcAt(pc uintptr) Place {
	return place(placeKey{pc: pc}, func() (p Place) {
		f := runtime.FuncForPC(pc)
		if f == nil {
			return p
		}
		p.Name = f.Name()
		if name, ok := goroutine.Public(p.Name); ok {
			return Place{Name: name}
		}
		if method, ok := strings.CutSuffix(p.Name, "-fm"); ok {
			p.Name = method
			return p
		}
		p.File, p.Line = f.FileLine(pc)
		return p
	})
}

// callAt describes the call that returns to pc.
func callAt(pc uintptr) Place {
	return place(placeKey{pc: pc, call: true}, func() Place {
		f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
		return Place{f.Function, f.File, f.Line}
	})
}

func place(key placeKey, find func() Place) Place {
	if key.pc == 0 {
		return Place{}
	}
	if p, ok := places.Load(key); ok {
		return p.(Place)
	}
	p := find()
	places.Store(key, p)
	return p
}
