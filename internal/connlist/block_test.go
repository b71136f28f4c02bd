package connlist

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// blocks checks the list and returns the priorities of all blocks, and the number of
// entries.
func (l *List) blocks(t *testing.T) (priorities []int, entries int) {
	var prev *Block
	live := 0
	for b := l.head.Load(); b != nil; b = b.next.Load() {
		n := int(b.n.Load())
		require.Positive(t, n, "no block is empty")
		require.Same(t, prev, b.prev)
		require.False(t, b.replaced.Load())
		ended := 0
		for i, e := range b.entries[:n] {
			if i > 0 {
				require.Greater(t, e.conn.seq, b.entries[i-1].conn.seq)
			}
			if e.conn.Live() {
				require.Same(t, b, e.conn.block)
				require.EqualValues(t, i, e.conn.index)
				live++
			} else {
				require.Nil(t, e.load())
				ended++
			}
		}
		require.EqualValues(t, b.ended, ended)
		if prev != nil {
			require.GreaterOrEqual(t, prev.priority, b.priority)
			if prev.priority > b.priority {
				require.Same(t, prev, l.tailLocked(prev.priority))
			}
		}
		priorities = append(priorities, b.priority)
		entries += len(b.entries)
		prev = b
	}
	require.Same(t, prev, l.last)
	if l.last != nil {
		require.Nil(t, l.tails.Get(l.last.priority), "the lowest is not in the index")
	}
	require.Equal(t, l.count, live)
	return priorities, entries
}

// A large priority is several blocks. What is left of it must be as small as
// its connections are few, in whatever order they go.
func TestBlock_ThoseThatFollowOthersShrinkAndGo(t *testing.T) {
	owner := newScope(t)
	const n = 2*maxEntries + 100
	for _, c := range []struct {
		name string
		go_  func(conns []*Conn)
	}{
		{"the newest first", func(conns []*Conn) {
			for i := range conns {
				disconnect(t, conns[len(conns)-1-i:][:1])
			}
		}},
		{"the oldest first", func(conns []*Conn) { disconnect(t, conns) }},
		{"the middle first", func(conns []*Conn) {
			disconnect(t, conns[1000:2000])
			disconnect(t, conns[2000:])
			disconnect(t, conns[:1000])
		}},
	} {
		var l List
		low := connect(t, &l, owner, -1, 1)
		conns := connect(t, &l, owner, 0, n)
		priorities, _ := l.blocks(t)
		require.Greater(t, len(priorities), 3, "several blocks")
		c.go_(conns)
		priorities, entries := l.blocks(t)
		require.Equal(t, []int{-1}, priorities, c.name)
		require.LessOrEqual(t, entries, minEntries)
		disconnect(t, low)
	}
}

func TestBlock_OneThatIsMostlyDeadShrinks(t *testing.T) {
	owner := newScope(t)
	var l List
	conns := connect(t, &l, owner, 0, 100)
	_, before := l.blocks(t)
	disconnect(t, conns[:80])
	_, after := l.blocks(t)
	require.Less(t, after, before/2)
	disconnect(t, conns[80:])
}

// Only blocks with many entries were ever taken out of the list.
func TestBlock_PrioritiesThatNobodyHasKeepNone(t *testing.T) {
	owner := newScope(t)
	for _, order := range []string{"up", "down", "random"} {
		var l List
		var conns []*Conn
		stays := connect(t, &l, owner, 1000, 1)
		for i := range 100 {
			p := map[string]int{"up": i, "down": -i, "random": rand.IntN(50)}[order]
			conns = append(conns, connect(t, &l, owner, p, 1+i%12)...)
		}
		l.blocks(t)
		rand.Shuffle(len(conns), func(i, j int) { conns[i], conns[j] = conns[j], conns[i] })
		for i, c := range conns {
			require.True(t, c.Disconnect())
			if i%20 == 0 {
				l.blocks(t)
			}
		}
		priorities, _ := l.blocks(t)
		require.Equal(t, []int{1000}, priorities, order)
		disconnect(t, stays)
		priorities, entries := l.blocks(t)
		require.LessOrEqual(t, len(priorities), 1, "an empty list may keep one block")
		require.LessOrEqual(t, entries, 2*minEntries)
		for i := range 100 {
			disconnect(t, connect(t, &l, owner, i, 1))
		}
		priorities, _ = l.blocks(t)
		require.LessOrEqual(t, len(priorities), 1, "and so after pairs")
	}
}

func TestBlock_DisconnectAllLeavesNone(t *testing.T) {
	owner := newScope(t)
	var l List
	conns := append(connect(t, &l, owner, 0, 3), connect(t, &l, owner, 1, 3)...)
	conns[0].Mute()
	l.DisconnectAll()
	require.Nil(t, l.Head())
	l.blocks(t)
	for _, c := range conns {
		require.Nil(t, c.block, "a dead connection holds a block")
	}
	disconnect(t, connect(t, &l, owner, 0, 1))
}

// What is out of the list must not refer to what is in it, or whoever holds one old
// block, as a Fire that takes long does, holds all that came after it.
func TestBlock_OneThatIsOutOfTheListRefersToNoOther(t *testing.T) {
	owner := newScope(t)
	for name, take := range map[string]func(l *List, conns []*Conn){
		"replaced when full":   func(l *List, conns []*Conn) { connect(t, l, owner, 1, 2*minEntries) },
		"replaced when sparse": func(l *List, conns []*Conn) { disconnect(t, conns[:40]) },
		"emptied":              func(l *List, conns []*Conn) { disconnect(t, conns) },
		"all at once":          func(l *List, conns []*Conn) { l.DisconnectAll() },
	} {
		for _, more := range []int{minEntries, 50} {
			var l List
			connect(t, &l, owner, 2, 1)
			conns := connect(t, &l, owner, 1, more)
			connect(t, &l, owner, 0, 1)
			b := conns[0].block
			if name == "replaced when sparse" && more < 50 {
				continue
			}
			for i := b.n.Load(); name == "replaced when full" && i < int32(len(b.entries)); i++ {
				connect(t, &l, owner, 1, 1)
			}
			take(&l, conns)
			require.True(t, b.replaced.Load(), name)
			require.Nil(t, b.next.Load(), name)
			require.Nil(t, b.prev, name)
			for i := range b.entries {
				require.Nil(t, b.entries[i].load(), name)
			}
			l.DisconnectAll()
		}
	}
}

// The last block of a priority that is not the lowest goes, and one before it stays: the
// next connection of that priority comes into the one that stayed.
func TestBlock_APriorityWhoseLastBlockIsGoneGrowsOnTheOneBefore(t *testing.T) {
	owner := newScope(t)
	var l List
	low := connect(t, &l, owner, 0, 1)
	conns := connect(t, &l, owner, 1, maxEntries+1)
	last := conns[maxEntries].block
	require.NotSame(t, conns[0].block, last)
	for _, c := range conns {
		if c.block == last {
			disconnect(t, []*Conn{c})
		}
	}
	l.blocks(t)
	called := 0
	require.True(t, l.Connect(new(Conn), owner, Word(func(int) { called++ }), 1, false, nil))
	l.blocks(t)
	fire(&l, 1)
	require.Equal(t, 1, called)
	disconnect(t, low)
	l.DisconnectAll()
}

// A block in the middle of a priority that is not the lowest shrinks: the last one stays
// the one to which the next connection comes.
func TestBlock_OneThatShrinksInTheMiddleIsNotTheLastOfItsPriority(t *testing.T) {
	owner := newScope(t)
	var l List
	connect(t, &l, owner, 0, 1)
	var order []int
	n := 0
	add := func() *Conn {
		c, i := new(Conn), n
		n++
		require.True(t, l.Connect(c, owner, Word(func(int) { order = append(order, i) }), 1, false, nil))
		return c
	}
	var conns []*Conn
	for range 2 * maxEntries {
		conns = append(conns, add())
	}
	var blocks []*Block
	for b := l.Head(); b != nil; b = b.next.Load() {
		blocks = append(blocks, b)
	}
	require.Greater(t, len(blocks), 3)
	middle := blocks[1]
	kept := 0
	for _, c := range conns {
		if c.block == middle && kept > 0 {
			disconnect(t, []*Conn{c})
		} else if c.block != nil && c.block == middle {
			kept++
		}
	}
	require.True(t, middle.replaced.Load(), "it has shrunk")
	l.blocks(t)
	add()
	fire(&l, 1)
	require.IsIncreasing(t, order)
	require.Equal(t, n-1, order[len(order)-1])
	l.DisconnectAll()
}
