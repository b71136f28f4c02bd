package memory

import "testing"

// What internal/inflight and the teardown share.
const (
	slot Loc = iota // whose handler runs: 0, a, b, or one of them marked
	word            // 1 while the handler is alive
)

const (
	a      = 2
	b      = 4
	marked = 1 // added to an id by Await
)

const (
	firer     = 0
	destroyer = 1
)

func check(t *testing.T, name string, p Program, bad func(Outcome) bool, reachable bool) {
	t.Helper()
	outcomes, states := p.Outcomes()
	n := 0
	var example Outcome
	for o := range outcomes {
		if bad(o) {
			n++
			example = o
		}
	}
	t.Logf("%s: %d states, %d outcomes, %d of them bad", name, states, len(outcomes), n)
	switch {
	case n > 0 && !reachable:
		t.Errorf("%s: a bad outcome is reachable: %v", name, example)
	case n == 0 && reachable:
		t.Errorf("%s: no bad outcome is reachable, which one was to show", name)
	}
}

// The litmus test of the field, SB: the model is TSO only if it has this
// outcome, and none that reorders stores with stores or loads with loads (MP).
func TestModel_IsTSO(t *testing.T) {
	x, y := Loc(0), Loc(1)
	check(t, "SB", Program{Threads: [2][]Op{
		{Store(x, 1), Load(0, y)},
		{Store(y, 1), Load(0, x)},
	}}, func(o Outcome) bool { return o.Regs[0][0] == 0 && o.Regs[1][0] == 0 }, true)
	check(t, "MP", Program{Threads: [2][]Op{
		{Store(x, 1), Store(y, 1)},
		{Load(0, y), Load(1, x)},
	}}, func(o Outcome) bool { return o.Regs[1][0] == 1 && o.Regs[1][1] == 0 }, false)
	check(t, "own store", Program{Threads: [2][]Op{
		{Store(x, 1), Load(0, x)}, {},
	}}, func(o Outcome) bool { return o.Regs[0][0] != 1 }, false)
}

// A firer announces, then looks at the word; a teardown clears the word, then
// looks at the slot. Bad: the firer calls, and the teardown does not know.
func TestAnnounce_AndLookAgainstKillAndScan(t *testing.T) {
	bad := func(o Outcome) bool { return o.Regs[firer][0] == 1 && o.Regs[destroyer][0] == 0 }
	init := [Locs]int{word: 1}
	plainAnnounce, plainKill := Store(slot, a), Store(word, 0)
	announce, kill := CompareAndSwap(1, slot, 0, a), Swap(1, word, 0)
	look, scan := Load(0, word), Load(0, slot)
	for _, tt := range []struct {
		name      string
		firer     []Op
		destroyer []Op
		reachable bool
	}{
		{"plain stores", []Op{plainAnnounce, look}, []Op{plainKill, scan}, true},
		{"only the firer's is locked", []Op{announce, look}, []Op{plainKill, scan}, true},
		{"only the teardown's is locked", []Op{plainAnnounce, look}, []Op{kill, scan}, true},
		{"both locked, as it is", []Op{announce, look}, []Op{kill, scan}, false},
		{"both locked, the firer looks first", []Op{look, announce}, []Op{kill, scan}, true},
		{"both locked, the teardown scans first", []Op{announce, look}, []Op{scan, kill}, true},
	} {
		check(t, tt.name, Program{init, [2][]Op{tt.firer, tt.destroyer}}, bad, tt.reachable)
	}
}

// The same where the firer already holds the slot for a, and announces b over
// it; the word is that of b, and so is the teardown.
func TestMove_AndLookAgainstKillAndScan(t *testing.T) {
	bad := func(o Outcome) bool { return o.Regs[firer][0] == 1 && o.Regs[destroyer][0] != b }
	init := [Locs]int{slot: a, word: 1}
	for _, tt := range []struct {
		name      string
		move      Op
		reachable bool
	}{
		{"plain store", Store(slot, b), true},
		{"swap, as it is", Swap(1, slot, b), false},
	} {
		check(t, tt.name, Program{init, [2][]Op{
			{tt.move, Load(0, word)},
			{Swap(1, word, 0), Load(0, slot)},
		}}, bad, tt.reachable)
	}
}

// Await marks the slot that announces a, while its firer takes the announcement
// back, or moves on to b. Bad: the teardown counts on a word from the firer that
// the firer does not know it owes, or the firer gives one that nobody counts on,
// or a mark is left on a slot that its firer has left.
func TestMark_AgainstMove(t *testing.T) {
	const sawMark, marks, seen = 0, 1, 0
	found := func(r [Regs]int) bool { return r[seen] == a }
	for _, to := range []int{0, b} {
		bad := func(o Outcome) bool {
			owes := o.Regs[firer][sawMark] == a|marked
			waits := o.Regs[destroyer][marks] == 1
			return owes != waits || o.Mem[slot] != to
		}
		init := [Locs]int{slot: a}
		swapped := []Op{Swap(sawMark, slot, to)}
		readAndStored := []Op{Load(sawMark, slot), Store(slot, to)}
		readAndSwapped := []Op{Load(sawMark, slot), Swap(1, slot, to)}
		casMark := []Op{Load(seen, slot), CompareAndSwap(marks, slot, a, a|marked).If(found)}
		// The register must say that the mark was set: a second location's swap
		// does that without touching the slot.
		storedMark := []Op{Load(seen, slot), Store(slot, a|marked).If(found), Swap(2, 2, 1).If(found), Load(marks, 2)}
		for _, tt := range []struct {
			name             string
			firer, destroyer []Op
			reachable        bool
		}{
			{"swap and compare-and-swap, as it is", swapped, casMark, false},
			{"read, then a plain store", readAndStored, casMark, true},
			{"read, then a swap", readAndSwapped, casMark, true},
			{"a plain store as the mark", swapped, storedMark, true},
		} {
			check(t, tt.name, Program{init, [2][]Op{tt.firer, tt.destroyer}}, bad, tt.reachable)
		}
	}
}

// Kill, look and mark in one: after it the handler has not been called, or the
// teardown waits for a word that the firer knows it owes, or the call was over.
// Whether it was over shows in location 2, which the firer writes at the end of
// its call and the teardown reads where it found nobody.
func TestProtocol_AsAWhole(t *testing.T) {
	const done Loc = 2
	called := func(r [Regs]int) bool { return r[0] == 1 }
	found := func(r [Regs]int) bool { return r[0] == a }
	for _, tt := range []struct {
		name      string
		announce  Op
		kill      Op
		back      []Op
		reachable bool
	}{
		{"as it is", CompareAndSwap(2, slot, 0, a), Swap(2, word, 0), []Op{Swap(1, slot, 0)}, false},
		{"plain announcement", Store(slot, a), Swap(2, word, 0), []Op{Swap(1, slot, 0)}, true},
		{"plain kill", CompareAndSwap(2, slot, 0, a), Store(word, 0), []Op{Swap(1, slot, 0)}, true},
		{"plain take-back", CompareAndSwap(2, slot, 0, a), Swap(2, word, 0), []Op{Load(1, slot), Store(slot, 0)}, true},
	} {
		p := Program{[Locs]int{word: 1}, [2][]Op{
			append([]Op{tt.announce, Load(0, word), Store(done, 1).If(called)}, tt.back...),
			{tt.kill, Load(0, slot), CompareAndSwap(1, slot, a, a|marked).If(found), Load(2, done)},
		}}
		bad := func(o Outcome) bool {
			ran, owes := o.Regs[firer][0] == 1, o.Regs[firer][1] == a|marked
			waits, over := o.Regs[destroyer][1] == 1, o.Regs[destroyer][2] == 1
			return waits != owes || ran && !waits && !over
		}
		check(t, tt.name, p, bad, tt.reachable)
	}
}
