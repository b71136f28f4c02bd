package bus_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// A model knows what a bus is to do, in the simplest way there is: it looks through all
// connections ever made, with the naive matcher, to find out whose turn it is.
type model struct {
	t      *testing.T
	r      *rand.Rand
	app    *tether.Owner
	bus    *bus.Bus
	topics []*bus.Topic[int] // some of them kept, so that their routes get old
	owners []*tether.Owner
	conns  []*modelConn
	turns  []*turn // the calls of Publish in progress, innermost last
	steps  int
	dead   int // letters
	want   int // letters that there should be
}

type modelConn struct {
	number, priority int
	pattern          string
	owner            *tether.Owner
	conn             *tether.Connection
	unmute           []func()
}

// A turn is one Publish and how far it has come.
type turn struct {
	name  string
	limit int // number of the last connection that was there when it began
	at    *modelConn
}

func (m *model) next(t *turn) (best *modelConn) {
	before := func(a, b *modelConn) bool {
		return a.priority > b.priority || a.priority == b.priority && a.number < b.number
	}
	for _, c := range m.conns[:t.limit] {
		if c.conn.Connected() && len(c.unmute) == 0 && matches(c.pattern, t.name) &&
			(t.at == nil || before(t.at, c)) && (best == nil || before(c, best)) {
			best = c
		}
	}
	return best
}

// called is told of each call of a handler, which must not have ended itself yet.
func (m *model) called(c *modelConn, name string, once bool) {
	t := m.turns[len(m.turns)-1]
	require.Equal(m.t, t.name, name)
	if once {
		require.False(m.t, c.conn.Connected())
	} else {
		require.Same(m.t, m.next(t), c, "connection %d was called", c.number)
	}
	t.at = c
	for range m.r.IntN(3) {
		m.step()
	}
}

func (m *model) publish() {
	topic := m.topics[m.r.IntN(len(m.topics))]
	if m.r.IntN(2) == 0 {
		topic = bus.Named[int](m.bus, topic.Name())
	}
	t := &turn{name: topic.Name(), limit: len(m.conns)}
	require.Equal(m.t, m.next(t) != nil, topic.Wanted())
	m.turns = append(m.turns, t)
	require.NoError(m.t, topic.Publish(bg, 1))
	m.turns = m.turns[:len(m.turns)-1]
	require.Nil(m.t, m.next(t), "somebody was not called")
	if t.at == nil {
		m.want++
	}
	require.Equal(m.t, m.want, m.dead, "letters")
}

var modelNames = []string{"a", "b", "a.b", "a.c", "b.b", "a.b.c"}
var modelPatterns = []string{"*", "a.*", "*.b", ">", "a.>", "a.b", "*.*.c", "a.*.*"}

func (m *model) connect() {
	c := &modelConn{number: len(m.conns), priority: m.r.IntN(3), owner: m.owners[m.r.IntN(len(m.owners))]}
	once := m.r.IntN(5) == 0
	handler := func(name string) { m.called(c, name, once) }
	p := tether.Priority(c.priority)
	if m.r.IntN(2) == 0 {
		c.pattern = modelNames[m.r.IntN(len(modelNames))]
		topic := bus.Named[int](m.bus, c.pattern)
		f := func(int) { handler(m.turns[len(m.turns)-1].name) }
		if once {
			c.conn = topic.Once(c.owner, f, p)
		} else {
			c.conn = topic.Connect(c.owner, f, p)
		}
	} else {
		c.pattern = modelPatterns[m.r.IntN(len(modelPatterns))]
		pattern := bus.Matching[int](m.bus, c.pattern)
		f := func(msg bus.Message[int]) { handler(msg.Topic) }
		if once {
			c.conn = pattern.Once(c.owner, f, p)
		} else {
			c.conn = pattern.Connect(c.owner, f, p)
		}
	}
	require.Equal(m.t, c.owner.Alive(), c.conn.Connected())
	m.conns = append(m.conns, c)
}

func (m *model) step() {
	if m.steps--; m.steps < 0 {
		return
	}
	some := func() *modelConn { return m.conns[m.r.IntN(len(m.conns))] }
	what := m.r.IntN(12)
	if len(m.conns) == 0 {
		what = 0
	}
	switch what {
	case 0, 1, 2, 3, 4:
		m.connect()
	case 5, 6:
		some().conn.Disconnect()
	case 7:
		c := some()
		c.unmute = append(c.unmute, c.conn.Mute())
	case 8:
		if c := some(); len(c.unmute) > 0 {
			c.unmute[0]()
			c.unmute = c.unmute[1:]
		}
	case 9:
		i := m.r.IntN(len(m.owners))
		_ = m.owners[i].Destroy()
		m.owners[i] = m.app.NewChild(fmt.Sprint(len(m.conns)))
	default:
		if len(m.turns) < 3 {
			m.publish()
		}
	}
}

func TestModel_RandomProgramsCallWhomItCalls(t *testing.T) {
	programs := 600
	if testing.Short() || testkit.Race {
		programs = 100
	}
	for seed := range programs {
		m := &model{t: t, r: rand.New(rand.NewPCG(uint64(seed), 7)), app: tether.NewOwner("app"), steps: 120}
		m.bus = bus.New(m.app, "bus")
		for _, name := range modelNames {
			m.topics = append(m.topics, bus.Named[int](m.bus, name))
		}
		watch := m.app.NewChild("watch")
		m.bus.Dead().Connect(watch, func(bus.Letter) { m.dead++ })
		for i := range 4 {
			m.owners = append(m.owners, m.app.NewChild(fmt.Sprint(i)))
		}
		for m.steps > 0 {
			m.step()
		}
		require.NoError(t, m.app.Destroy())
		require.Zero(t, m.bus.Entries())
		require.Zero(t, m.bus.Patterns())
	}
}
