// Package inflight answers one question: whose handlers are running right now? It does so
// without slowing down the goroutines that run them.
//
// It is the reader side of BRAVO (Dice and Kogan, "BRAVO - Biased Locking for Reader-Writer
// Locks", USENIX ATC 2019). Readers announce themselves in a global table of slots, a cache
// line each, so that two cores that fire write two different lines. A writer scans the
// table. Here a reader is a firing goroutine, or firer. It announces the id of the owner
// whose handler it is about to run. The writer is a teardown that needs to know whether
// that owner is quiet.
//
// # The protocol
//
// A firer announces, then looks whether the handler is still alive, then calls it. A
// teardown kills the handlers, then looks at the announcements. The two writes and the two
// looks are sequentially consistent atomics, so this is Dekker's argument: the later of the
// two looks sees the other side's write. Either the firer finds the handler dead and skips
// it, or the teardown finds the firer and waits for it. The tempting wrong version looks
// first and announces afterwards. Between the two a whole teardown fits, and the handler
// runs after its owner's cleanups.
//
// A teardown that finds its owner's id in a slot marks the slot, see [Await]. The firer
// retracts an announcement by swapping in the next one, and gets the mark, if there is one,
// in the same instruction. So it needs no second look, and a mark is never lost. Every
// write of a slot is a read-modify-write. A plain store would cut the happens-before chain
// between a firer that left and the teardown that finds another firer in its slot.
//
// Slots hold ids and not pointers, because an atomic store of a pointer is a call into the
// garbage collector's write barrier. Ids are never used twice, so a slot cannot be mistaken
// for that of a later owner.
package inflight

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

const (
	// minSlots is how many slots a program has until two firers have met, see grow. A scan
	// costs at least these, at about a nanosecond a slot.
	minSlots = 16
	// maxSlots bounds the table at 256 KiB of zero pages, touched only on
	// machines with 128 cores or more.
	maxSlots = 4096
	// slotsPerCore makes a collision of two running firers unlikely; arbitrary.
	slotsPerCore = 32

	// waited is the mark of a slot that a teardown waits for, watched that of one
	// that Stays has seen.
	waited  = 1
	watched = 2
	marks   = waited | watched
)

// A Slot is one place in the table: 0 when free, else the id announced in it.
type Slot struct {
	v atomic.Uint64
	_ [56]byte // a cache line each
}

var (
	table [maxSlots]Slot

	// more is the size, in bytes, of the slots in use beyond minSlots. It only grows. A firer
	// reads it before it claims, a teardown before it scans. If the firer saw the larger value
	// and claimed before the scan's look, the scan sees the larger value too.
	more atomic.Uint64

	lastID atomic.Uint64
)

// NewID returns an id that was never returned before. It is not 0, and leaves
// room for the marks.
func NewID() uint64 { return lastID.Add(marks + 1) }

// slotSize is the size of a slot. The number of slots in use is a power of two, so the offsets
// of the slots are the multiples of slotSize up to that of the last, and that is a mask.
const slotSize = uint64(unsafe.Sizeof(Slot{}))

func size() uint64 { return minSlots + more.Load()/slotSize }

// Claim announces id in a free slot and returns the slot. It returns nil if the slots that
// it tries are taken. The caller then counts itself elsewhere. at is the address of
// something on the caller's stack, which differs from goroutine to goroutine. Cost: one
// compare-and-swap.
func Claim(at unsafe.Pointer, id uint64) *Slot {
	if s := SlotFor(at); s.Claim(id) {
		return s
	}
	// Two goroutines that hash alike would meet in every one of their calls.
	n := size()
	grow(n)
	if s := &table[hash(at)>>52&(n-1)]; s.Claim(id) {
		return s
	}
	return nil
}

// SlotFor returns the slot that Claim tries first. It is short because a Fire waits for it: it
// takes the offset of the slot right out of the hash.
func SlotFor(at unsafe.Pointer) *Slot {
	mask := (minSlots-1)*slotSize + more.Load()
	return (*Slot)(unsafe.Add(unsafe.Pointer(&table), hash(at)>>30&mask))
}

// Claim announces id in s, if that is free.
func (s *Slot) Claim(id uint64) bool { return s.v.CompareAndSwap(0, id) }

// hash is Fibonacci hashing.
func hash(at unsafe.Pointer) uint64 { return uint64(uintptr(at)) * 0x9e3779b97f4a7c15 }

// grow doubles a table of n slots unless it has enough for the machine.
func grow(n uint64) {
	if n < maxSlots && n < uint64(slotsPerCore*runtime.NumCPU()) {
		more.CompareAndSwap((n-minSlots)*slotSize, (2*n-minSlots)*slotSize)
	}
}

// Swap retracts the announcement in s and announces to in its place, or frees s if to is 0.
// It reports whether a teardown waits for what was announced before. If so, the caller must
// tell that owner. Cost: one swap.
func (s *Slot) Swap(to uint64) (awaited bool) {
	return s.v.Swap(to)&waited != 0
}

// Awaited reports whether a teardown waits for what is announced in s.
func (s *Slot) Awaited() bool { return s.v.Load()&waited != 0 }

// Announced appends the ids that are announced and not yet waited for to ids.
func Announced(ids []uint64) []uint64 {
	for i := range table[:size()] {
		if v := table[i].v.Load(); v != 0 && v&waited == 0 {
			ids = append(ids, v&^marks)
		}
	}
	return ids
}

// Count returns how many slots announce id and are not waited for.
func Count(id uint64) (n int) {
	for i := range table[:size()] {
		if table[i].v.Load()&^watched == id {
			n++
		}
	}
	return n
}

// Await marks every slot that announces id and returns how many it marked. As many calls of
// [Slot.Swap] will report that a teardown waits. Slots that are marked already belong to an
// earlier Await and are not counted again.
func Await(id uint64) (n int) {
	for i := range table[:size()] {
		s := &table[i]
		for v := s.v.Load(); v&^watched == id; v = s.v.Load() { // again if it was watched just now
			if s.v.CompareAndSwap(v, v|waited) {
				n++
			}
		}
	}
	return n
}

// A Stay is an announcement that has not been retracted since it was first seen.
type Stay struct {
	ID uint64
	N  uint64 // differs from that of every other Stay
}

// stays numbers the announcements that [Stays] has marked.
var stays struct {
	mu   sync.Mutex // guards the fields below
	last uint64
	at   map[int]uint64 // by slot, where it is marked
}

// Stays marks all announcements and returns them. One that two calls return has stood all
// the time between. This costs firers nothing, because the mark goes with the announcement.
func Stays() (list []Stay) {
	stays.mu.Lock()
	defer stays.mu.Unlock()
	if stays.at == nil {
		stays.at = make(map[int]uint64)
	}
	for i := range table[:size()] {
		s := &table[i]
		for v := s.v.Load(); v != 0; v = s.v.Load() {
			if v&watched == 0 {
				if !s.v.CompareAndSwap(v, v|watched) {
					continue
				}
				stays.last++
				stays.at[i] = stays.last
			}
			list = append(list, Stay{v &^ marks, stays.at[i]})
			break
		}
	}
	return list
}
