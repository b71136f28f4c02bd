// Package peers puts one small interface before tether, before the other event
// libraries, and before what people write by hand, so that all of them can be
// given the same work.
//
// An adapter does what its library's own documentation shows, and no more: it
// adds no lock and no waiting that a user would not have. Where a library hands
// out channels, the adapter has one goroutine a subscriber that ranges over its
// channel and calls the handler.
package peers

// A Bus delivers the values fired to the handlers connected.
type Bus[T any] interface {
	// Connect has handler called with each value fired from now on.
	Connect(handler func(T)) Sub
	// Fire delivers v, or has it delivered later.
	Fire(v T)
	// Disconnect ends one subscription, in the way of the library.
	Disconnect(Sub)
	// Close ends the bus in the way of the library. Where that has no way, it
	// drops the bus.
	Close()
}

// A Sub is what the library knows a subscription by.
type Sub any

// A Grouper is a Bus that can end in one call all subscriptions which it has
// made, as those of one component, and goes on for others.
type Grouper interface{ DisconnectAll() }

// A Kind says on which goroutine handlers run.
type Kind int

const (
	// Sync handlers have returned when Fire returns.
	Sync Kind = iota
	// Async handlers run later, on another goroutine.
	Async
)

// A Peer is a contestant.
type Peer struct {
	Name   string
	Module string // path of its module, empty for what is written by hand
	Kind   Kind
	ByHand bool

	// New returns a bus of ints. Buffers that a subscriber has hold capacity
	// values.
	New func(capacity int) Bus[int]

	Claims
}

// Claims are what a peer promises, as far as its documentation or its code says
// so. The conformance test holds each to Ordered, Exact, Barrier, Reenter and
// Group.
type Claims struct {
	Runs    string // where handlers run
	Full    string // what happens where a subscriber is slow
	Ordered bool   // each subscriber sees the values of one firer in their order
	Exact   bool   // Disconnect ends that very subscription, also among closures of one literal
	Barrier bool   // after Disconnect has returned, the handler neither runs nor starts
	Reenter bool   // a handler may connect, disconnect and fire; for Async not asked
	Typed   bool   // a value of another type does not compile
	Group   bool   // a component's subscriptions end in one call, the bus goes on
	NoClose bool   // there is no way to end the bus as a whole
	Why     string // what its figures for delivery come from
	Ends    string // what its figures for connecting and ending come from
}

// Ours is the name of the contestant that the others are compared with.
const Ours = "tether"

// All returns the contestants: tether first, then those by hand, then the
// libraries.
func All() []Peer {
	return []Peer{
		tetherOne, tetherEach, tetherQueue,
		bareLoop, lockedSlice, lockedMap, copyOnWrite, channelEach,
		eventBus, samberRo,
		goEthereum, libp2p, tailscale, cskr, watermillPeer, moby, docker, dustin,
	}
}

// ByName returns the contestant of that name.
func ByName(name string) Peer {
	for _, p := range All() {
		if p.Name == name {
			return p
		}
	}
	panic("peers: no contestant " + name)
}

// Of returns the contestants of one kind.
func Of(k Kind) []Peer {
	var ps []Peer
	for _, p := range All() {
		if p.Kind == k {
			ps = append(ps, p)
		}
	}
	return ps
}
