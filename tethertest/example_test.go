package tethertest_test

import (
	"fmt"
	"testing"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

// A Lobby is what the examples test.
type Lobby struct {
	Joined    tether.Signal[string]
	owner     *tether.Owner
	listeners []*tether.Owner
}

func NewLobby(owner *tether.Owner) *Lobby { return &Lobby{owner: owner} }

func (l *Lobby) Join(name string) { l.Joined.Fire(name) }

// OnJoin has a mistake: it makes an owner that nobody ends. A child of l.owner
// would end with it.
func (l *Lobby) OnJoin(f func(string)) {
	listener := tether.NewOwner("listener")
	l.listeners = append(l.listeners, listener)
	l.Joined.Connect(listener, f)
}

// test runs a test and prints what it fails with, without directories and lines.
func test(name string, f func(t testing.TB)) {
	defer tethertest.Impatient()()
	if text := run(name, func(t *fake) { f(t) }).message(); text != "" {
		fmt.Println(text)
		return
	}
	fmt.Println("ok", name)
}

func ExampleNewOwner() {
	test("TestLobby", func(t testing.TB) {
		app := tethertest.NewOwner(t) // destroyed when the test ends
		lobby := NewLobby(app.NewChild("lobby"))
		fmt.Println(lobby.owner)
	})
	// Output:
	// TestLobby/lobby
	// ok TestLobby
}

func ExampleVerifyNone() {
	test("TestLobby", func(t testing.TB) {
		tethertest.VerifyNone(t) // first: judges when all other cleanups have run
		lobby := NewLobby(tethertest.NewOwner(t))
		lobby.Joined.Connect(lobby.owner, greet)
	})
	// Output: ok TestLobby
}

// The main mistake: a root owner where a child was meant.
func ExampleVerifyNone_mistake() {
	var lobby *Lobby
	test("TestLobby", func(t testing.TB) {
		tethertest.VerifyNone(t)
		lobby = NewLobby(tethertest.NewOwner(t))
		lobby.OnJoin(greet)
	})
	lobby.Join("ann") // the handler is still there
	lobby.listeners[0].Destroy()
	// Output:
	// tethertest: VerifyNone: TestLobby has ended, but not all that was made in it.
	// It made, and left:
	//     owner listener
	//         made by (*Lobby).OnJoin (example_test.go)
	//         connection greet (example_test.go) on a signal of string
	// To end an owner, with all that it holds: defer owner.Destroy(), or make it by tethertest.NewOwner.
	// welcome, ann
}

func greet(name string) { fmt.Println("welcome,", name) }

func ExampleRecord() {
	test("TestLobby", func(t testing.TB) {
		lobby := NewLobby(tethertest.NewOwner(t))
		joined := tethertest.Record(t, &lobby.Joined)
		lobby.Join("ann")
		lobby.Join("bob")
		joined.Expect("ann", "bob")
		joined.ExpectNone()
	})
	// Output: ok TestLobby
}

func ExampleRecorder_Expect() {
	test("TestLobby", func(t testing.TB) {
		lobby := NewLobby(tethertest.NewOwner(t))
		joined := tethertest.Record(t, &lobby.Joined)
		lobby.Join("ann")
		lobby.Join("bob")
		lobby.Join("carl")
		joined.Expect("ann", "dora")
	})
	// Output:
	// tethertest: Expect: value #2 is another one.
	//     got  "bob"
	//     want "dora"
	// Read so far from this recorder of string values:
	//     #1 "ann"
	//     #2 "bob"
	// Unread: "carl"
}

func ExampleRecorder_ExpectNone() {
	test("TestLobby", func(t testing.TB) {
		lobby := NewLobby(tethertest.NewOwner(t))
		joined := tethertest.Record(t, &lobby.Joined)
		lobby.Join("ann")
		joined.ExpectNone()
	})
	// Output:
	// tethertest: ExpectNone: there is 1 value that nobody read.
	// This recorder of string values has been read by nobody.
	// Unread: "ann"
}
