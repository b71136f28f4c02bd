// Package memory enumerates every execution of small programs under x86-TSO
// (Sewell et al., "x86-TSO: A Rigorous and Usable Programmer's Model for x86
// Multiprocessors", CACM 2010): each thread has a FIFO buffer of stores, which
// drains to memory at any time; a thread reads its own newest buffered store, or
// else memory; a locked instruction runs on memory, with its own buffer empty.
//
// It complements the schedule explorer, which is sequentially consistent: what
// the explorer can't show is that the library needs, and has, atomics that a
// store buffer does not delay. The protocol of package inflight is small enough for
// all of its executions to be looked at.
package memory

import "fmt"

// A Loc is a place in memory. All are 0 at first, but for [Program.Init].
type Loc int

// Locs is how many places there are.
const Locs = 3

// Regs is how many registers a thread has, all 0 at first.
const Regs = 3

type kind int

const (
	store kind = iota
	load
	swap
	cas
)

// An Op is one instruction.
type Op struct {
	kind     kind
	loc      Loc
	val, old int
	reg      int
	when     func(regs [Regs]int) bool // nil: always; else skipped where false
}

// Store is a plain store, which the buffer may delay.
func Store(l Loc, v int) Op { return Op{kind: store, loc: l, val: v} }

// Load reads l into register r.
func Load(r int, l Loc) Op { return Op{kind: load, loc: l, reg: r} }

// Swap is the locked exchange; register r gets the value before.
func Swap(r int, l Loc, v int) Op { return Op{kind: swap, loc: l, val: v, reg: r} }

// CompareAndSwap is the locked one; register r gets 1 if it has stored v.
func CompareAndSwap(r int, l Loc, old, v int) Op {
	return Op{kind: cas, loc: l, old: old, val: v, reg: r}
}

// If makes an Op conditional on the registers of its thread.
func (o Op) If(when func(regs [Regs]int) bool) Op {
	o.when = when
	return o
}

// A Program is two threads.
type Program struct {
	Init    [Locs]int
	Threads [2][]Op
}

// An Outcome is what an execution has left.
type Outcome struct {
	Mem  [Locs]int
	Regs [2][Regs]int
}

func (o Outcome) String() string { return fmt.Sprintf("memory %v, registers %v", o.Mem, o.Regs) }

type buffered struct {
	loc Loc
	val int
}

const bufferSize = 4

type state struct {
	Outcome
	pc  [2]int
	n   [2]int // stores buffered
	buf [2][bufferSize]buffered
}

// Outcomes returns the outcomes of all executions, and the number of states.
func (p Program) Outcomes() (outcomes map[Outcome]bool, states int) {
	seen := make(map[state]bool)
	outcomes = make(map[Outcome]bool)
	var visit func(state)
	visit = func(s state) {
		if seen[s] {
			return
		}
		seen[s] = true
		over := true
		for t := range 2 {
			if s.n[t] > 0 { // the oldest store drains
				over = false
				next := s
				next.Mem[s.buf[t][0].loc] = s.buf[t][0].val
				copy(next.buf[t][:], s.buf[t][1:])
				next.buf[t][bufferSize-1] = buffered{}
				next.n[t]--
				visit(next)
			}
			if s.pc[t] < len(p.Threads[t]) {
				over = false
				if next, ok := s.step(t, p.Threads[t][s.pc[t]]); ok {
					visit(next)
				}
			}
		}
		if over {
			outcomes[s.Outcome] = true
		}
	}
	visit(state{Outcome: Outcome{Mem: p.Init}})
	return outcomes, len(seen)
}

// step runs one instruction, unless it has to wait for the buffer to drain.
func (s state) step(t int, o Op) (state, bool) {
	s.pc[t]++
	if o.when != nil && !o.when(s.Regs[t]) {
		return s, true
	}
	switch o.kind {
	case store:
		s.buf[t][s.n[t]] = buffered{o.loc, o.val}
		s.n[t]++
	case load:
		v := s.Mem[o.loc]
		for _, b := range s.buf[t][:s.n[t]] {
			if b.loc == o.loc {
				v = b.val
			}
		}
		s.Regs[t][o.reg] = v
	case swap, cas:
		if s.n[t] > 0 {
			return s, false
		}
		v := s.Mem[o.loc]
		switch {
		case o.kind == swap:
			s.Regs[t][o.reg], s.Mem[o.loc] = v, o.val
		case v == o.old:
			s.Regs[t][o.reg], s.Mem[o.loc] = 1, o.val
		default:
			s.Regs[t][o.reg] = 0
		}
	}
	return s, true
}
