package weakref_test

import (
	"fmt"
	"runtime"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/weakref"
)

// A Session is somebody else's: nobody tells us when it ends.
type Session struct {
	name string
	hits int
}

func (s *Session) hit(n int) { s.hits += n }

// collected runs the collector until done, which in a program happens by itself.
func collected(done func() bool) bool {
	for range 200 {
		runtime.GC()
		if done() {
			return true
		}
		runtime.Gosched()
	}
	return false
}

// Data attached to an object, gone with it.
func ExampleMap() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	notes := weakref.NewMap[Session, string](app)

	ann := &Session{name: "ann"}
	notes.Set(ann, "likes tea")
	note, ok := notes.Get(ann)
	fmt.Println(note, ok, notes.Len())

	runtime.KeepAlive(ann) // it lives to here
	fmt.Println(collected(func() bool { return notes.Len() == 0 }))
	// Output:
	// likes tea true 1
	// true
}

// One instance of each value while it is in use.
func ExampleCache() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	sessions := weakref.NewCache[string, Session](app)
	load := func() *Session { fmt.Println("loading"); return &Session{name: "ann"} }

	a := sessions.Get("ann", load)
	b := sessions.Get("ann", load)
	fmt.Println(a == b, sessions.Len())

	runtime.KeepAlive(a)
	fmt.Println(collected(func() bool { return sessions.Len() == 0 }))
	// Output:
	// loading
	// true 1
	// true
}

// A subscription that ends with its target.
func ExampleConnect() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var clicked tether.Signal[int]

	ann := &Session{name: "ann"}
	c := weakref.Connect(app, &clicked, ann, (*Session).hit)
	clicked.Fire(2)
	clicked.Fire(3)
	fmt.Println(ann.hits, c.Connected())

	runtime.KeepAlive(ann)
	fmt.Println(collected(func() bool { return !c.Connected() }))
	// Output:
	// 5 true
	// true
}

// The main mistake: a method that captures the target, such as the method value
// of it, keeps it alive by way of the signal.
func Example_mistake() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var clicked tether.Signal[int]

	ann, bob := &Session{name: "ann"}, &Session{name: "bob"}
	hit := ann.hit // has ann inside
	wrong := weakref.Connect(app, &clicked, ann, func(_ *Session, n int) { hit(n) })
	right := weakref.Connect(app, &clicked, bob, (*Session).hit)

	fmt.Println(collected(func() bool { return !right.Connected() }))
	fmt.Println("still there:", wrong.Connected())
	// Output:
	// true
	// still there: true
}

// The other mistake: a value that refers to its own key. Go has no ephemerons.
func ExampleMap_mistake() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	type profile struct{ of *Session }
	profiles := weakref.NewMap[Session, profile](app)
	func() {
		ann := &Session{name: "ann"}
		profiles.Set(ann, profile{of: ann})
	}()
	for range 10 {
		runtime.GC()
	}
	fmt.Println("still there:", profiles.Len())
	runtime.KeepAlive(profiles)
	// Output:
	// still there: 1
}
