package inspect

import (
	"runtime"
	"runtime/pprof"
	"sync"
	"weak"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Profile keeps two profiles from now on, until stop is called: "tether.owners" and
// "tether.connections". They have the owners and connections that were made meanwhile and
// have not ended, by the stack that made them. They are profiles like any other of
// [pprof.Lookup], so net/http/pprof serves them and go tool pprof reads them:
//
//	stop := inspect.Profile()
//	defer stop()
//	...
//	pprof.Lookup("tether.connections").WriteTo(f, 0)
//
// The innermost function of a stack is the one that called this library. Owners and
// connections made before the call are not in the profiles. The profiles keep neither
// owners nor connections alive. A collected one leaves them at that collection. So does a
// Once on a queue that was spent.
//
// stop empties the profiles. They stay known, as profiles can't be taken back. Several
// calls of Profile share them, and the last stop counts. Calling one stop again does
// nothing.
//
// Cost while it is on: some 10 microseconds and 1 KiB for each owner and each connection
// made, its end included.
func Profile() (stop func()) {
	profiles.mu.Lock()
	defer profiles.mu.Unlock()
	if profiles.users++; profiles.users == 1 {
		r := &recording{owners: profile("tether.owners"), connections: profile("tether.connections")}
		r.live = make(map[*token]*pprof.Profile)
		r.stop = scope.Observe(&scope.Observer{Made: r.made, Ended: r.ended, Connected: r.connected})
		profiles.current = r
	}
	return sync.OnceFunc(func() {
		profiles.mu.Lock()
		defer profiles.mu.Unlock()
		if profiles.users--; profiles.users == 0 {
			profiles.current.end()
			profiles.current = nil
		}
	})
}

var profiles struct {
	mu      sync.Mutex // guards the fields below
	users   int        // calls of Profile that were not stopped
	current *recording // nil without users
}

func profile(name string) *pprof.Profile {
	if p := pprof.Lookup(name); p != nil {
		return p
	}
	return pprof.NewProfile(name)
}

// A token stands for an owner or a connection in a profile. The profile would keep the thing
// itself alive. A token has a size, so that no two have the same address.
type token struct{ _ uint64 }

// A recording lasts from the first Profile to the last stop. Its mutex is taken with locks of
// the library held. Under it only the mutex of a profile is taken.
type recording struct {
	owners, connections *pprof.Profile
	stop                func()
	scopes              sync.Map // of weak.Pointer[scope.Scope] to *token

	mu   sync.Mutex                // guards the fields below
	live map[*token]*pprof.Profile // nil once over
}

func (r *recording) made(s *scope.Scope) {
	t := r.add(r.owners)
	w := weak.Make(s)
	r.scopes.Store(w, t)
	runtime.AddCleanup(s, func(w weak.Pointer[scope.Scope]) { r.forget(w) }, w) // if it never ends
	if s.Over() {                                                               // it was made ended, or has ended just now
		r.forget(w)
	}
}

func (r *recording) ended(s *scope.Scope) { r.forget(weak.Make(s)) }

func (r *recording) forget(w weak.Pointer[scope.Scope]) {
	if t, ok := r.scopes.LoadAndDelete(w); ok {
		r.remove(t.(*token))
	}
}

// connected enters a connection. Only the connection holds the hook. So the connection leaves
// the profile when it has ended, which calls the hook, or when both are garbage.
func (r *recording) connected(onEnd func(func())) {
	t := r.add(r.connections)
	h := &hook{r, t}
	runtime.AddCleanup(h, r.remove, t)
	onEnd(h.ended)
}

type hook struct {
	r *recording
	t *token
}

func (h *hook) ended() { h.r.remove(h.t) }

func (r *recording) add(p *pprof.Profile) *token {
	t, skip := new(token), framesBelow()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.live != nil {
		r.live[t] = p
		p.Add(t, skip+1) // Add counts itself too
	}
	return t
}

func (r *recording) remove(t *token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.live[t]; p != nil {
		delete(r.live, t)
		p.Remove(t)
	}
}

func (r *recording) end() {
	r.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for t, p := range r.live {
		p.Remove(t)
	}
	r.live = nil
	r.scopes.Clear()
}

// framesBelow returns how many frames of this library are on top of the stack. The first that
// counts is its caller, add.
func framesBelow() (skip int) {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])]) // add is the first
	for more := true; more; skip++ {
		var f runtime.Frame
		f, more = frames.Next()
		if goroutine.FrameOf(f.Function) == goroutine.UserFrame {
			return skip
		}
	}
	return 0
}
