package history_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
)

// A program is a string of bytes, each a decision. Its actions are taken in
// turn, some of them by handlers, in two worlds: the package's and a naive
// model's. Both must have the same trace.
type program struct {
	code  []byte
	world world
	trace []string
	depth int
	subs  int // made so far
}

// A world is what a program acts in. Subscribers are known by number, owners are
// 0 to 2.
type world interface {
	fire(v int)
	connect(p *program, id int, k kind)
	disconnect(id int) bool
	mute(id int)
	unmute(id int)
	destroy(owner int)
	end() // of the ring's owner
	drain() int
	state() string
}

// kind is how to connect.
type kind struct {
	owner, priority int
	once, queued    bool
}

func (p *program) pick(n int) int {
	if len(p.code) == 0 {
		return 0
	}
	b := p.code[0]
	p.code = p.code[1:]
	return int(b) % n
}

func (p *program) note(format string, args ...any) {
	p.trace = append(p.trace, fmt.Sprintf(format, args...))
}

// called is what every handler does.
func (p *program) called(id, v int) {
	p.note("%d gets %d", id, v)
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > 3 {
		return
	}
	for range p.pick(3) {
		p.act()
	}
	if p.pick(12) == 1 {
		p.note("%d panics", id)
		panic(id)
	}
	p.note("%d returns", id)
}

func (p *program) act() {
	if len(p.code) == 0 {
		return
	}
	switch p.pick(12) {
	default:
		v := len(p.code)
		p.note("fire %d", v)
		p.world.fire(v)
	case 1, 2, 3:
		k := kind{p.pick(3), p.pick(3), p.pick(4) == 1, p.pick(4) == 1}
		id := p.subs
		p.subs++
		p.note("connect %d %v", id, k)
		p.world.connect(p, id, k)
	case 4:
		id := p.pick(p.subs + 1)
		p.note("disconnect %d %t", id, p.world.disconnect(id))
	case 5:
		p.world.mute(p.pick(p.subs + 1))
	case 6, 7:
		p.world.unmute(p.pick(p.subs + 1))
	case 8:
		p.world.destroy(p.pick(3))
	case 9:
		p.note("drained %d", p.world.drain())
	case 10:
		if p.pick(20) == 1 {
			p.note("end")
			p.world.end()
		}
	}
	p.note("%s", p.world.state())
}

func (p *program) run() []string {
	for len(p.code) > 0 {
		func() {
			defer func() {
				if v := recover(); v != nil {
					p.note("caught %v", v)
				}
			}()
			p.act()
		}()
	}
	return p.trace
}

// real is the package's world.
type real struct {
	owner  *tether.Owner
	s      tether.Signal[int]
	r      *history.Ring[int]
	q      *tether.Queue
	owners [3]*tether.Owner
	conns  map[int]*tether.Connection
	undo   map[int][]func()
}

func newReal(n int) *real {
	w := &real{owner: tether.NewOwner("owner"), conns: map[int]*tether.Connection{}, undo: map[int][]func(){}}
	w.r = history.Record(w.owner, &w.s, n)
	for i := range w.owners {
		w.owners[i] = tether.NewOwner("sub")
	}
	w.q = tether.NewQueue(w.owners[0], 1_000_000, tether.Block, tether.Manual())
	return w
}

func (w *real) fire(v int) { w.s.Fire(v) }

func (w *real) connect(p *program, id int, k kind) {
	opts := []tether.ConnectOption{tether.Priority(k.priority)}
	if k.queued {
		opts = append(opts, tether.On(w.q))
	}
	connect := w.r.Connect
	if k.once {
		connect = w.r.Once
	}
	w.conns[id] = connect(w.owners[k.owner], func(v int) { p.called(id, v) }, opts...)
}

func (w *real) disconnect(id int) bool {
	return w.conns[id] != nil && w.conns[id].Disconnect()
}

func (w *real) mute(id int) {
	if c := w.conns[id]; c != nil {
		w.undo[id] = append(w.undo[id], c.Mute())
	}
}

func (w *real) unmute(id int) {
	if l := w.undo[id]; len(l) > 0 {
		l[0]()
		w.undo[id] = l[1:]
	}
}

func (w *real) destroy(owner int) {
	if owner == 0 {
		return // it has the queue
	}
	o := w.owners[owner]
	w.owners[owner] = tether.NewOwner("sub")
	o.Destroy()
}

func (w *real) end()       { w.owner.Destroy() }
func (w *real) drain() int { return w.q.Drain() }

func (w *real) state() string {
	last, ok := w.r.Last()
	var live []int
	for id, c := range w.conns {
		if c.Connected() {
			live = append(live, id)
		}
	}
	slices.Sort(live)
	if !w.owner.Alive() { // its values may still be there: in a handler, Destroy is pending
		return fmt.Sprint("dead", live)
	}
	return fmt.Sprint(slices.Collect(w.r.All()), w.r.Len(), last, ok, live)
}

// model is the reference: lists, flags and loops.
type model struct {
	n        int
	dead     bool
	values   []int
	subs     []*modelSub
	byID     map[int]*modelSub
	queue    []queued
	draining bool
}

type modelSub struct {
	p       *program
	id      int
	kind    kind
	live    bool
	owned   bool // its owner lives
	known   bool // its Connect has returned, so that somebody has the Connection
	busy    bool
	muted   int
	pending []int
}

type queued struct {
	s *modelSub
	v int
}

// all calls each of fs, then panics if one did, with the last one's value.
func all(fs ...func()) {
	var last any
	for _, f := range fs {
		func() {
			defer func() {
				if v := recover(); v != nil {
					last = v
				}
			}()
			f()
		}()
	}
	if last != nil {
		panic(last)
	}
}

func (w *model) fire(v int) {
	if w.dead {
		return
	}
	w.values = append(w.values, v)
	w.values = w.values[max(0, len(w.values)-w.n):]
	var fs []func()
	for _, s := range w.subs {
		s.pending = append(s.pending, v)
		fs = append(fs, func() { w.serve(s) })
	}
	all(fs...)
}

func (w *model) serve(s *modelSub) {
	if s.busy {
		return
	}
	s.busy = true
	var last any
	for s.live && len(s.pending) > 0 {
		v := s.pending[0]
		s.pending = s.pending[1:]
		if s.muted > 0 {
			continue
		}
		if s.kind.once {
			s.live = false
		}
		if s.kind.queued {
			w.queue = append(w.queue, queued{s, v})
			continue
		}
		func() {
			defer func() {
				if v := recover(); v != nil {
					last = v
				}
			}()
			s.p.called(s.id, v)
		}()
	}
	s.busy = false
	if last != nil {
		panic(last)
	}
}

func (w *model) connect(p *program, id int, k kind) {
	s := &modelSub{p: p, id: id, kind: k, live: !w.dead, owned: true, pending: slices.Clone(w.values)}
	w.subs = append(w.subs, s)
	slices.SortStableFunc(w.subs, func(a, b *modelSub) int { return b.kind.priority - a.kind.priority })
	w.serve(s) // which may panic
	s.known = true
	w.byID[id] = s
}

func (w *model) disconnect(id int) bool {
	s := w.byID[id]
	if s == nil || !s.live {
		return false
	}
	s.live = false
	w.forget(s)
	return true
}

// forget drops what is queued for s.
func (w *model) forget(s *modelSub) {
	w.queue = slices.DeleteFunc(w.queue, func(q queued) bool { return q.s == s })
}

func (w *model) mute(id int) {
	if s := w.byID[id]; s != nil {
		s.muted++
	}
}

func (w *model) unmute(id int) {
	if s := w.byID[id]; s != nil && s.muted > 0 {
		s.muted--
	}
}

func (w *model) destroy(owner int) {
	if owner == 0 {
		return
	}
	for _, s := range w.subs {
		if s.kind.owner == owner {
			s.live = false
			w.forget(s)
		}
	}
}

func (w *model) end() {
	w.dead, w.values = true, nil
	for _, s := range w.subs {
		if s.live {
			s.live = false
			w.forget(s)
		}
	}
}

func (w *model) drain() (calls int) {
	if w.draining {
		return 0
	}
	w.draining = true
	defer func() { w.draining = false }()
	var fs []func()
	end := queued{} // what is queued meanwhile is not for this drain
	w.queue = append(w.queue, end)
	next := func() bool {
		q := w.queue[0]
		w.queue = w.queue[1:]
		if q == end {
			return false
		}
		if q.s.muted == 0 || q.s.kind.once {
			calls++
			fs = append(fs, func() { q.s.p.called(q.s.id, q.v) })
		}
		return true
	}
	var last any
	for next() {
		f := fs
		fs = nil
		func() {
			defer func() {
				if v := recover(); v != nil {
					last = v
				}
			}()
			all(f...)
		}()
	}
	if last != nil {
		panic(last)
	}
	return calls
}

func (w *model) state() string {
	var live []int
	for id, s := range w.byID {
		if s.live {
			live = append(live, id)
		}
	}
	slices.Sort(live)
	if w.dead {
		return fmt.Sprint("dead", live)
	}
	last := 0
	if len(w.values) > 0 {
		last = w.values[len(w.values)-1]
	}
	return fmt.Sprint(w.values, len(w.values), last, len(w.values) > 0, live)
}

func agree(t *testing.T, code []byte) {
	if len(code) == 0 {
		return
	}
	n := 1 + int(code[0])%4
	w := newReal(n)
	defer func() {
		w.owner.Destroy()
		for _, o := range w.owners {
			o.Destroy()
		}
	}()
	got := (&program{code: code[1:], world: w}).run()
	want := (&program{code: code[1:], world: &model{n: n, byID: map[int]*modelSub{}}}).run()
	require.Equal(t, want, got, "n %d, code %v", n, code)
}

func TestRing_RandomProgramsAgreeWithANaiveModel(t *testing.T) {
	programs := 800
	if testing.Short() {
		programs = 150
	}
	for seed := range programs {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		code := make([]byte, 20+rng.IntN(200))
		for i := range code {
			code[i] = byte(rng.Uint32())
		}
		agree(t, code)
	}
}

func FuzzPrograms(f *testing.F) {
	f.Add([]byte{1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	f.Fuzz(agree)
}
