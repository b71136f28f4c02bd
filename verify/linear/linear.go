// Package linear checks histories of real goroutines with porcupine: what they
// saw of one connection must be explained by some order of the operations, one
// at a time, that respects what came before what. See README.md.
package linear

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/anishathalye/porcupine"

	"github.com/seed-ec287111/tether"
)

type verb uint8

const (
	connect verb = iota
	once
	fire       // one connection's part of a Fire
	disconnect // also by DisconnectAll
	destroy    // of the owner
	mute
	unmute
	connected
	length
	verbs
)

// in is an operation, and out what it returned: bool for disconnect and
// connected, the number of calls for fire, the number of connections for length.
type in struct {
	verb  verb
	conn  int
	blind bool // the result of disconnect is not known
}

// state is a connection's, and whether its owner is dead.
type state struct {
	live, once, orphan bool
	muted              int8
}

// step is the sequential specification of one connection.
func step(s state, i in, out int) (bool, state) {
	live := s.live
	switch i.verb {
	case connect, once:
		s.live, s.once = !s.orphan, i.verb == once
	case fire:
		want := 0
		if s.live && s.muted == 0 {
			want = 1
			if s.once {
				s.live = false
			}
		}
		return out == want, s
	case disconnect:
		s.live = false
		return i.blind || (out == 1) == live, s
	case destroy:
		s.live, s.orphan = false, true
	case mute:
		s.muted++
	case unmute:
		s.muted--
	case connected:
		return (out == 1) == live, s
	}
	return true, s
}

// model is step for porcupine.
var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, i, o any) (bool, any) { return wrap(step(s.(state), i.(in), o.(int))) },
}

func wrap(ok bool, s state) (bool, any) { return ok, s }

// count is for a whole signal, of which only the number of connections and
// their beginnings and ends are looked at: a set of connections.
var count = porcupine.Model{
	Init: func() any { return uint32(0) },
	Step: func(s, i, o any) (bool, any) {
		set, op, out := s.(uint32), i.(in), o.(int)
		bit := uint32(1) << op.conn
		switch op.verb {
		case connect, once:
			return out == 1 && set&bit == 0, set | bit
		case disconnect:
			return op.blind || (out == 1) == (set&bit != 0), set &^ bit
		case length:
			n := 0
			for ; set != 0; set &= set - 1 {
				n++
			}
			return out == n, s
		}
		return false, s
	},
}

// A subject is what is tested: the library, or something with a planted bug.
type subject struct {
	connect    func(s *tether.Signal[*shot], o *tether.Owner, h func(*shot)) *tether.Connection
	once       func(s *tether.Signal[*shot], o *tether.Owner, h func(*shot)) *tether.Connection
	disconnect func(c *tether.Connection) bool
	mute       func(c *tether.Connection) (unmute func())
	destroy    func(o *tether.Owner)
}

// library is the real thing.
func library() subject {
	return subject{
		connect: func(s *tether.Signal[*shot], o *tether.Owner, h func(*shot)) *tether.Connection {
			return s.Connect(o, h)
		},
		once: func(s *tether.Signal[*shot], o *tether.Owner, h func(*shot)) *tether.Connection {
			return s.Once(o, h)
		},
		disconnect: (*tether.Connection).Disconnect,
		mute:       (*tether.Connection).Mute,
		destroy:    func(o *tether.Owner) { o.Destroy() },
	}
}

// The size of a history; arbitrary, small enough for many.
const (
	workers = 4
	steps   = 12 // of each worker
	conns   = 6
)

// A shot is one Fire: which handlers it called, how often, and when first.
type shot struct {
	calls [conns]int
	at    [conns]int64
}

// A history is what one round recorded, by connection.
type history struct {
	clock atomic.Int64
	inner [conns]struct {
		c       atomic.Pointer[tether.Connection]
		running atomic.Int32
		ops     []porcupine.Operation
	}
	mu    sync.Mutex // guards all ops
	late  atomic.Int32
	total int
}

func (h *history) add(worker int, i in, call int64, out int, ret int64) {
	h.mu.Lock()
	h.inner[i.conn].ops = append(h.inner[i.conn].ops, porcupine.Operation{ClientId: worker, Input: i, Call: call, Output: out, Return: ret})
	h.total++
	h.mu.Unlock()
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// record lets workers loose on one signal, six connections, two by two of three
// owners, and returns what happened.
func record(sub subject, seed uint64) *history {
	h := new(history)
	var s tether.Signal[*shot]
	var owners [conns / 2]*tether.Owner
	for i := range owners {
		owners[i] = tether.NewOwner("o")
		defer owners[i].Destroy()
	}
	var taken [conns]atomic.Bool
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			for range steps {
				n := rng.IntN(conns)
				slot := &h.inner[n]
				c := slot.c.Load()
				if c == nil {
					if taken[n].Swap(true) {
						continue
					}
					handler := func(f *shot) {
						slot.running.Add(1)
						if f.calls[n]++; f.calls[n] == 1 {
							f.at[n] = h.clock.Add(1)
						}
						runtime.Gosched()
						slot.running.Add(-1)
					}
					v, f := connect, sub.connect
					if rng.IntN(3) == 0 {
						v, f = once, sub.once
					}
					call := h.clock.Add(1)
					c = f(&s, owners[n/2], handler)
					h.add(w, in{verb: v, conn: n}, call, 0, h.clock.Add(1))
					slot.c.Store(c)
					continue
				}
				switch k := rng.IntN(40); {
				case k < 20:
					f := new(shot)
					call := h.clock.Add(1)
					s.Fire(f)
					ret := h.clock.Add(1)
					for i := range conns {
						at := ret
						if f.calls[i] > 0 {
							at = f.at[i]
						}
						h.add(w, in{verb: fire, conn: i}, call, f.calls[i], at)
					}
				case k < 26:
					call := h.clock.Add(1)
					ok := sub.disconnect(c)
					h.add(w, in{verb: disconnect, conn: n}, call, bit(ok), h.clock.Add(1))
				case k < 31:
					call := h.clock.Add(1)
					back := sub.mute(c)
					h.add(w, in{verb: mute, conn: n}, call, 0, h.clock.Add(1))
					if rng.IntN(2) == 0 {
						runtime.Gosched()
					}
					call = h.clock.Add(1)
					back()
					h.add(w, in{verb: unmute, conn: n}, call, 0, h.clock.Add(1))
				case k < 37:
					call := h.clock.Add(1)
					ok := c.Connected()
					h.add(w, in{verb: connected, conn: n}, call, bit(ok), h.clock.Add(1))
				case k < 38:
					call := h.clock.Add(1)
					s.DisconnectAll()
					ret := h.clock.Add(1)
					for i := range conns {
						h.add(w, in{verb: disconnect, conn: i, blind: true}, call, 0, ret)
					}
				default:
					call := h.clock.Add(1)
					sub.destroy(owners[n/2])
					for _, i := range []int{n / 2 * 2, n/2*2 + 1} {
						if h.inner[i].running.Load() != 0 {
							h.late.Add(1) // not a barrier
						}
						h.add(w, in{verb: destroy, conn: i}, call, 0, h.clock.Add(1))
					}
				}
			}
		})
	}
	wg.Wait()
	return h
}

// ok reports whether each connection's part of h can be explained.
func (h *history) ok() bool {
	for i := range h.inner {
		if !porcupine.CheckOperations(model, h.inner[i].ops) {
			return false
		}
	}
	return h.late.Load() == 0
}

// recordLen is record with nothing but connects, ends and Len, as one history.
func recordLen(sub subject, seed uint64) (ops []porcupine.Operation) {
	var clock atomic.Int64
	var mu sync.Mutex
	var s tether.Signal[*shot]
	o := tether.NewOwner("o")
	defer o.Destroy()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			add := func(i in, call int64, out int) {
				ret := clock.Add(1)
				mu.Lock()
				ops = append(ops, porcupine.Operation{ClientId: w, Input: i, Call: call, Output: out, Return: ret})
				mu.Unlock()
			}
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			own := o.NewChild("c") // of the newest connection alone
			n, made := 0, 0
			var c *tether.Connection
			for range steps {
				switch k := rng.IntN(6); {
				case k < 2 && made < 5:
					n = w*5 + made
					made++
					own = o.NewChild("c")
					call := clock.Add(1)
					c = sub.connect(&s, own, func(*shot) {})
					add(in{verb: connect, conn: n}, call, bit(c.Connected()))
				case k < 3 && c != nil:
					call := clock.Add(1)
					add(in{verb: disconnect, conn: n}, call, bit(sub.disconnect(c)))
				case k < 4 && c != nil:
					call := clock.Add(1)
					sub.destroy(own)
					add(in{verb: disconnect, conn: n, blind: true}, call, 0)
				default:
					call := clock.Add(1)
					add(in{verb: length}, call, s.Len())
				}
			}
		})
	}
	wg.Wait()
	return ops
}
