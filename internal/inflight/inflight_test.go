package inflight

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withSlots runs the rest of the test with a table of n slots.
func withSlots(t *testing.T, n uint64) {
	before := more.Load()
	more.Store((n - minSlots) * slotSize)
	t.Cleanup(func() { more.Store(before) })
}

// claim returns a slot that announces id. The first address that it tries may
// share its places with others.
func claim(t *testing.T, id uint64) *Slot {
	t.Helper()
	t.Cleanup(func() { // one failure is not to be followed by others
		for i := range table {
			table[i].v.CompareAndSwap(id, 0)
			table[i].v.CompareAndSwap(id|waited, 0)
		}
	})
	var stack [1 << 12]byte
	for i := 0; i < len(stack); i += 16 {
		if s := Claim(unsafe.Pointer(&stack[i]), id); s != nil {
			return s
		}
	}
	t.Fatal("no free slot")
	return nil
}

// inUse returns how many slots of the whole table are not free.
func inUse() (n int) {
	for i := range table {
		if table[i].v.Load() != 0 {
			n++
		}
	}
	return n
}

func TestID_IsEvenAndNeverTheSame(t *testing.T) {
	const goroutines, each = 4, 1000
	ids := make(chan uint64, goroutines*each)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				ids <- NewID()
			}
		})
	}
	wg.Wait()
	close(ids)
	seen := make(map[uint64]bool)
	for id := range ids {
		require.NotZero(t, id)
		require.Zero(t, id&waited, "the mark's bit of %d", id)
		require.False(t, seen[id], "%d again", id)
		seen[id] = true
	}
}

func TestAnnouncement_IsPresentUntilItIsTakenBack(t *testing.T) {
	a, b := NewID(), NewID()
	s := claim(t, a)
	require.Equal(t, []uint64{7, a}, Announced([]uint64{7}))
	require.False(t, s.Swap(b), "nobody waits")
	require.Equal(t, []uint64{b}, Announced(nil))
	require.Zero(t, Await(a))
	require.False(t, s.Swap(0))
	require.Empty(t, Announced(nil))
	require.Zero(t, inUse())
}

func TestAnnouncement_WhoIsAwaitedLearnsItOnce(t *testing.T) {
	a, b := NewID(), NewID()
	slots := []*Slot{claim(t, a), claim(t, a), claim(t, a)}
	other := claim(t, b)
	require.Equal(t, 3, Await(a))
	require.Zero(t, Await(a), "they belong to the first call")
	require.Equal(t, []uint64{b}, Announced(nil), "not those that somebody waits for")
	require.True(t, slots[0].Swap(0), "taken back")
	require.True(t, slots[1].Swap(b), "replaced")
	require.False(t, slots[1].Swap(0), "the mark was for a")
	require.False(t, other.Swap(0))
	require.True(t, slots[2].Swap(0))
	require.Zero(t, inUse())
}

func TestTable_TheThirdAtOneAddressFindsNoSlot(t *testing.T) {
	withSlots(t, maxSlots) // grows no more
	at := new([16]byte)    // a stack may move
	escape = at
	id := NewID()
	first := Claim(unsafe.Pointer(at), id)
	require.NotNil(t, first)
	second := Claim(unsafe.Pointer(at), id)
	if second != nil { // else both its places are one
		require.NotSame(t, first, second)
		require.Nil(t, Claim(unsafe.Pointer(at), id))
		require.False(t, second.Swap(0))
	}
	require.False(t, first.Swap(0))
	again := Claim(unsafe.Pointer(at), id)
	require.Same(t, first, again, "free again")
	require.False(t, again.Swap(0))
	require.Zero(t, inUse())
}

var escape any

func TestTable_GrowsByCollisionsAsFarAsTheMachineNeeds(t *testing.T) {
	withSlots(t, minSlots)
	enough := uint64(slotsPerCore * runtime.NumCPU())
	at := new([16]byte) // a stack may move
	escape = at
	for range 20 {
		n := size()
		id := NewID()
		slots := []*Slot{Claim(unsafe.Pointer(at), id)}
		require.NotNil(t, slots[0])
		require.Equal(t, n, size(), "slots without a collision")
		if s := Claim(unsafe.Pointer(at), id); s != nil {
			slots = append(slots, s)
		}
		want := n
		if n < enough && n < maxSlots {
			want = 2 * n
		}
		require.Equal(t, want, size(), "slots after a collision among %d", n)
		for _, s := range slots {
			require.False(t, s.Swap(0))
		}
	}
	require.GreaterOrEqual(t, size(), min(enough, maxSlots))
	withSlots(t, maxSlots)
	grow(maxSlots)
	require.EqualValues(t, maxSlots, size())
	grow(minSlots) // by somebody who has slept since the table was small
	require.EqualValues(t, maxSlots, size())
}

func TestTable_AScanOfAGrownOneFindsTheSlotsOfBefore(t *testing.T) {
	withSlots(t, minSlots)
	var stack [1 << 12]byte
	old, young := NewID(), NewID()
	s := claim(t, old)
	withSlots(t, maxSlots)
	var beyond []*Slot
	for i := 0; i < len(stack); i += 16 {
		if u := Claim(unsafe.Pointer(&stack[i]), young); u != nil {
			beyond = append(beyond, u)
		}
	}
	require.True(t, slices.ContainsFunc(beyond, func(u *Slot) bool {
		return uintptr(unsafe.Pointer(u)) >= uintptr(unsafe.Pointer(&table[minSlots]))
	}), "none of %d slots is one of the new", len(beyond))
	require.Equal(t, 1, Await(old))
	require.Equal(t, len(beyond), Await(young))
	require.True(t, s.Swap(0))
	for _, u := range beyond {
		require.True(t, u.Swap(0))
	}
	require.Zero(t, inUse())
}

func TestTable_ASlotFillsACacheLine(t *testing.T) {
	require.EqualValues(t, 64, unsafe.Sizeof(Slot{}))
}

// The litmus of the protocol. Firers announce, then look whether the handler is
// alive, then call it; the teardown kills it, then looks for announcements, waits
// for those, and cleans up. Data stands for what handler and cleanup share: it is
// plain, so that the race detector sees a call that the teardown did not wait for
// even where the values come out right.
func TestTeardown_NoHandlerRunsWhenItHasFoundNobody(t *testing.T) {
	for _, mode := range []string{"Await alone", "Announced, then Await"} {
		t.Run(mode, func(t *testing.T) {
			const rounds, firers = 150, 2
			calls, awaited := 0, 0
			for round := range rounds {
				id := NewID()
				var dead, start atomic.Bool
				data := 1                       // plain
				told := make(chan bool, firers) // a word owed by a firer that was awaited
				var ran [firers]int
				var wg sync.WaitGroup
				for k := range firers {
					wg.Go(func() {
						for !start.Load() {
							runtime.Gosched()
						}
						for !dead.Load() {
							s := Claim(unsafe.Pointer(&k), id)
							if s == nil {
								continue // a real one would be counted elsewhere
							}
							if !dead.Load() {
								ran[k]++
								if data != 1 {
									t.Errorf("round %d: a handler runs after the cleanup", round)
								}
							}
							if s.Swap(0) {
								told <- true
							}
						}
					})
				}
				start.Store(true)
				for range round % 50 {
					start.Load()
				}
				if round%8 == 0 {
					runtime.Gosched()
				}
				dead.Store(true)
				n := 0
				if mode == "Await alone" || slices.Contains(Announced(nil), id) {
					n = Await(id)
				}
				for range n {
					<-told
				}
				data = 2 // the cleanup
				wg.Wait()
				assert.Empty(t, told, "round %d: words that nobody waits for", round)
				awaited += n
				calls += ran[0] + ran[1]
			}
			t.Logf("%d calls, of which %d were awaited", calls, awaited)
			require.Zero(t, inUse())
		})
	}
}

func TestAnnouncement_AStayLastsAsLong(t *testing.T) {
	a, b := NewID(), NewID()
	s := claim(t, a)
	first := Stays()
	require.Len(t, first, 1)
	require.Equal(t, a, first[0].ID)
	require.Equal(t, first, Stays(), "it stands")
	require.Equal(t, 1, Count(a))
	require.Equal(t, []uint64{a}, Announced(nil), "watching hides nobody")

	require.Equal(t, 1, Await(a), "and takes nothing from a teardown")
	require.True(t, s.Awaited())
	require.Equal(t, first, Stays(), "awaited, it stands still")
	require.Zero(t, Count(a))
	require.True(t, s.Swap(b), "the mark of the teardown has outlived the other")
	second := Stays()
	require.Len(t, second, 1)
	require.Equal(t, b, second[0].ID)
	require.NotEqual(t, first[0].N, second[0].N)
	require.False(t, s.Swap(0), "a watched slot is no awaited one")
	require.Empty(t, Stays())

	u := claim(t, b)
	require.NotEqual(t, second, Stays(), "announced again is another stay")
	require.False(t, u.Swap(0))
}

// A watcher that marks a slot between the look and the mark of a teardown must
// not make the teardown overlook it.
func TestTeardown_FindsWhatAWatcherMarksMeanwhile(t *testing.T) {
	done := make(chan bool)
	stop := make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				Stays()
			}
		}
	}()
	at := new([16]byte)
	escape = at
	for range 20_000 {
		id := NewID()
		s := Claim(unsafe.Pointer(at), id)
		if n := Await(id); n != 1 || !s.Swap(0) {
			t.Errorf("the teardown has found %d of 1", n)
			break
		}
	}
	close(stop)
	<-done
}
