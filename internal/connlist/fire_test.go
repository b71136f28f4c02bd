package connlist

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A model is what a list should do, in the simplest words: a slice in the order of calls.
type model struct {
	t     *testing.T
	rnd   *rand.Rand
	l     List
	all   []*modelConn
	seq   int
	fires []*modelFire // that run, the innermost last
	owner []*scope.Scope
	limit int // of connections
	steps int // left
}

type modelConn struct {
	Conn
	m        *model
	priority int
	number   int
	live     bool
	muted    int
}

// A modelFire is a Fire that runs: the connections of its beginning, by their turn.
type modelFire struct{ rest []*modelConn }

func (m *model) connect() {
	if len(m.all) >= m.limit {
		return
	}
	m.seq++
	c := &modelConn{m: m, priority: m.rnd.IntN(4), number: m.seq, live: true}
	i := 0
	for i < len(m.all) && m.all[i].priority >= c.priority {
		i++
	}
	m.all = slices.Insert(m.all, i, c)
	quiet := m.rnd.IntN(5) == 0
	require.True(m.t, m.l.Connect(&c.Conn, m.owner[m.rnd.IntN(len(m.owner))], Word(c.handle), c.priority, quiet, nil))
}

func (m *model) forget(c *modelConn) {
	c.live = false
	m.all = slices.DeleteFunc(m.all, func(o *modelConn) bool { return o == c })
}

// change does something at random, in the list and in the model.
func (m *model) change() {
	m.steps--
	switch k := m.rnd.IntN(20); {
	case k < 9:
		m.connect()
	case len(m.all) == 0:
	case k < 15:
		c := m.all[m.rnd.IntN(len(m.all))]
		require.True(m.t, c.Disconnect())
		m.forget(c)
	case k < 17:
		c := m.all[m.rnd.IntN(len(m.all))]
		if c.muted > 0 {
			c.muted--
			c.Unmute()
		} else {
			c.muted++
			c.Mute()
		}
	case k == 17 && m.rnd.IntN(4) == 0:
		m.l.DisconnectAll()
		for _, c := range slices.Clone(m.all) {
			m.forget(c)
		}
	case k == 18 && m.rnd.IntN(4) == 0:
		i := m.rnd.IntN(len(m.owner))
		for _, c := range slices.Clone(m.all) {
			if c.owner == m.owner[i] {
				m.forget(c)
			}
		}
		if err := m.owner[i].Destroy(); len(m.fires) == 0 {
			require.NoError(m.t, err)
		}
		m.owner[i] = scope.New("s", scope.Config{})
	case k == 19 && len(m.fires) < 3:
		m.fire()
	}
}

func (m *model) fire() {
	f := &modelFire{slices.Clone(m.all)}
	m.fires = append(m.fires, f)
	fire(&m.l, 0)
	m.fires = m.fires[:len(m.fires)-1]
	require.Nil(m.t, f.next(), "not called")
}

// next takes out the connection whose turn it is.
func (f *modelFire) next() *modelConn {
	for len(f.rest) > 0 {
		c := f.rest[0]
		f.rest = f.rest[1:]
		if c.live && c.muted == 0 {
			return c
		}
	}
	return nil
}

func (c *modelConn) handle(int) {
	m := c.m
	want := m.fires[len(m.fires)-1].next()
	if want != c {
		text := "nobody"
		if want != nil {
			text = fmt.Sprintf("%d of priority %d", want.number, want.priority)
		}
		require.Fail(m.t, "a wrong turn", "called %d of priority %d (live %v), want %s", c.number, c.priority, c.live, text)
	}
	for range m.rnd.IntN(4) {
		if m.steps > 0 {
			m.change()
		}
	}
	if m.steps > 0 && m.rnd.IntN(50) == 0 { // many at once: blocks are replaced and go
		for range m.rnd.IntN(200) {
			m.change()
		}
	}
}

// Whatever handlers do to the list while it is walked, each Fire calls those that were
// connected when it began, are alive and not muted at their turn, in order.
func TestFire_AgreesWithAModel(t *testing.T) {
	seeds := uint64(400)
	if testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		m := &model{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), limit: 40, steps: 3000}
		if seed%10 == 0 {
			m.limit = 3000
		}
		for range 5 {
			m.owner = append(m.owner, scope.New("s", scope.Config{}))
		}
		if m.limit > 1000 {
			for range m.rnd.IntN(2 * maxEntries) {
				m.connect()
			}
		}
		for m.steps > 0 {
			m.change()
			require.Equal(t, len(m.all), m.l.Len(), "seed %d", seed)
			if m.steps%20 == 0 {
				m.fire()
			}
		}
		m.l.blocks(t)
		for _, o := range m.owner {
			require.NoError(t, o.Destroy())
		}
		require.Zero(t, m.l.Len())
	}
}

// While a block is being replaced, its copy stands behind it for a moment. A Fire that
// came to the end of the block just then went through the copy as well, and called all of
// it twice.
func TestFire_DoesNotTakeTheCopyOfABlockForTheNextOne(t *testing.T) {
	owner := newScope(t)
	var l List
	connect(t, &l, owner, 0, minEntries)
	b := l.Head()
	c := cursor{list: &l, block: b, next: minEntries, limit: l.Seq()}
	l.mu.Lock()
	nb := b.copyLocked(2 * minEntries)
	l.linkLocked(b, nb) // the first half of replaceLocked
	l.mu.Unlock()
	require.Nil(t, c.entry())
	l.mu.Lock()
	l.unlinkLocked(b) // the other
	l.mu.Unlock()
	l.blocks(t)
	l.DisconnectAll()
}

// A tick is not for those who connect after its time.
func TestFire_UpToANumberCallsNobodyConnectedLater(t *testing.T) {
	owner := newScope(t)
	var l List
	var got []int
	for i := range 10 {
		c := new(Conn)
		require.True(t, l.Connect(c, owner, Word(func(int) { got = append(got, i) }), i%2, false, nil))
	}
	for limit := range uint64(12) {
		got = nil
		FireUpTo(&l, 0, limit)
		require.Len(t, got, int(min(limit, 10)))
		for _, i := range got {
			require.Less(t, i, int(limit))
		}
	}
	l.DisconnectAll()
	got = nil
	FireUpTo(&l, 0, math.MaxUint64)
	require.Empty(t, got)
}

// A Fire announces the first owner before it looks. If that entry is a queue's, it is
// nobody's, and the walk must not take a slot for it.
func TestFire_BeginsWithTheFirstOwnerUnlessItIsAQueue(t *testing.T) {
	owner := newScope(t)
	var l, q List
	connect(t, &l, owner, 0, 1)
	queued := new(Conn)
	require.True(t, q.Connect(queued, owner, Word(func(int) {}), 0, true, &Hooks{}))
	var c cursor
	require.True(t, c.begin(&q.Head().entries[0]))
	require.Zero(t, c.id)
	require.Nil(t, c.slot)
	require.False(t, c.swap(&l.Head().entries[0]), "there is no slot to swap in")
	require.True(t, c.begin(&l.Head().entries[0]))
	require.False(t, c.swap(&q.Head().entries[0]), "nobody is announced by a swap")
	at := inflight.SlotFor(unsafe.Pointer(&c))
	require.False(t, at.Claim(8), "taken")
	c.retract()
	require.True(t, at.Claim(8), "free again")
	require.False(t, at.Swap(0))
	l.DisconnectAll()
	q.DisconnectAll()
}

// A walk that finds, at its step to the next owner, that teardowns wait for the last one
// and for the next, tells both, and frees its slot.
func TestFire_TellsTheTeardownsOfBothOwnersThatItChangesBetween(t *testing.T) {
	for _, both := range []bool{false, true} {
		a, b := scope.New("a", scope.Config{}), scope.New("b", scope.Config{})
		var l List
		connect(t, &l, a, 0, 1)
		connect(t, &l, b, 0, 1)
		c := cursor{list: &l, block: l.Head(), next: 1}
		at := inflight.SlotFor(unsafe.Pointer(&c))
		entries := l.Head().published()
		require.True(t, c.begin(&entries[0]))
		a.Cancel(nil)
		require.False(t, a.Over(), "it waits for the call")
		require.False(t, c.swap(&entries[1]), "somebody waits")
		if both {
			b.Cancel(nil)
			require.False(t, b.Over())
		}
		c.leaveShortWay(entries[0].id, entries[1:])
		require.True(t, a.Over())
		require.Equal(t, both, b.Over())
		require.Zero(t, c.id)
		require.True(t, at.Claim(8), "free")
		require.False(t, at.Swap(0))
		require.NoError(t, b.Destroy())
	}
}

// The short way may have announced an owner whose handler it then found dead.
func TestFire_TakesBackWhatItHasAnnouncedForADeadHandler(t *testing.T) {
	a, b := newScope(t), newScope(t)
	var l List
	connect(t, &l, a, 0, 1)
	second := connect(t, &l, b, 0, 1)
	c := cursor{list: &l, block: l.Head(), next: 1}
	entries := l.Head().published()
	require.True(t, c.begin(&entries[0]))
	require.True(t, c.swap(&entries[1]))
	disconnect(t, second)
	c.leaveShortWay(entries[1].id, entries[1:])
	require.Equal(t, entries[1].id, c.id)
	require.Equal(t, 1, inflight.Count(entries[1].id))
	c.retract()
	require.Zero(t, inflight.Count(entries[1].id))
	l.DisconnectAll()
}

func TestFire_AllocatesNothing(t *testing.T) {
	a, b := newScope(t), newScope(t)
	for name, n := range map[string]int{"short": 3, "over several blocks": 3000} {
		var l List
		for i := range n {
			connect(t, &l, []*scope.Scope{a, b}[i%2], i%3, 1)
		}
		require.Zero(t, testing.AllocsPerRun(100, func() { fire(&l, 1) }), name)
		l.DisconnectAll()
	}
}

// A panic belongs to the owner whose handler ran, not to that of the first handler.
func TestFire_APanicIsReportedToItsOwnersSupervisorAlone(t *testing.T) {
	for _, supervised := range []int{0, 1, 2} {
		var reports []any
		var owners []*scope.Scope
		for i := range 3 {
			var c scope.Config
			if i == supervised {
				c.Super = func(s *scope.Scope, v, fired any) {
					require.Equal(t, 1, fired)
					require.Same(t, owners[supervised], s)
					reports = append(reports, v)
				}
			}
			owners = append(owners, scope.New("s", c))
		}
		for culprit := range 3 {
			reports = nil
			var l List
			var called []int
			for i := range 3 {
				require.True(t, l.Connect(new(Conn), owners[i], Word(func(int) {
					called = append(called, i)
					if i == culprit {
						panic(i)
					}
				}), 0, false, nil))
			}
			var out any
			func() {
				defer func() { out = recover() }()
				fire(&l, 1)
			}()
			require.Equal(t, []int{0, 1, 2}, called)
			if culprit == supervised {
				require.Equal(t, []any{culprit}, reports)
				require.Nil(t, out)
			} else {
				require.Empty(t, reports, "%d panicked, %d is supervised", culprit, supervised)
				require.Equal(t, culprit, out)
			}
			l.DisconnectAll()
		}
		for _, s := range owners {
			require.NoError(t, s.Destroy())
		}
	}
}

// While a queue takes its value nothing is announced, and after it the owner of before is
// announced anew: a teardown that comes later waits for that one.
func TestFire_AnnouncesAnewAfterWhatIsNotAnnounced(t *testing.T) {
	a := newScope(t)
	var l List
	var log []int
	look := Word(func(int) { log = append(log, a.Handlers()) })
	for _, quiet := range []bool{false, true, false, true, true, false} {
		require.True(t, l.Connect(new(Conn), a, look, 0, quiet, &Hooks{}))
	}
	fire(&l, 1)
	require.Equal(t, []int{1, 0, 1, 0, 0, 1}, log)
	require.Zero(t, a.Handlers())
	l.DisconnectAll()
}

// FireUpTo calls by way of deliver alone. What it calls is inside a handler, too.
func TestFire_UpToANumberAHandlerIsKnownToRun(t *testing.T) {
	type unknownElsewhere struct{ _, _, _, _, _ int8 }
	owner := newScope(t)
	Mark[unknownElsewhere](reflect.TypeFor[unknownElsewhere]())
	var l List
	inside := false
	require.True(t, l.Connect(new(Conn), owner, Word(func(unknownElsewhere) { inside = goroutine.MustNotWait() }), 0, false, nil))
	require.False(t, goroutine.MustNotWait())
	FireUpTo(&l, unknownElsewhere{}, l.Seq())
	require.True(t, inside, "in FireUpTo")
	inside = false
	Fire(&l, l.Head(), unknownElsewhere{})
	require.True(t, inside, "in Fire")
	l.DisconnectAll()
}
