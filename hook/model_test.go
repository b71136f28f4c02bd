package hook_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// A model knows what a hook is to do, in the simplest way there is: it looks through all
// connections ever made to find out whose turn it is.
type model struct {
	t      *testing.T
	r      *rand.Rand
	app    *tether.Owner
	owners []*tether.Owner
	conns  []*modelConn
	steps  int

	connect func(o *tether.Owner, c *modelConn, priority int) *tether.Connection
	call    func(*turn)
	turns   []*turn // the calls in progress, innermost last
}

type modelConn struct {
	number, priority int
	owner            *tether.Owner
	conn             *tether.Connection
	unmute           []func()
}

// A turn is one call of the hook and how far it has come.
type turn struct {
	limit int // number of the last connection that was there when it began
	at    *modelConn
}

func (c *modelConn) callable() bool { return c.conn.Connected() && len(c.unmute) == 0 }

// next returns who is to be called after t.at, nil if that is nobody.
func (m *model) next(t *turn) (best *modelConn) {
	before := func(a, b *modelConn) bool {
		return a.priority > b.priority || a.priority == b.priority && a.number < b.number
	}
	for _, c := range m.conns[:t.limit] {
		if c.callable() && (t.at == nil || before(t.at, c)) && (best == nil || before(c, best)) {
			best = c
		}
	}
	return best
}

// called is told of each call of a handler.
func (m *model) called(c *modelConn) *turn {
	t := m.turns[len(m.turns)-1]
	require.Same(m.t, m.next(t), c, "connection %d was called", c.number)
	t.at = c
	for range m.r.IntN(3) {
		m.step()
	}
	return t
}

// ended is told when nobody else is called in a turn.
func (m *model) ended(t *turn) {
	require.Nil(m.t, m.next(t), "somebody was not called")
}

func (m *model) visit() {
	t := &turn{limit: len(m.conns)}
	m.turns = append(m.turns, t)
	m.call(t)
	m.turns = m.turns[:len(m.turns)-1]
}

func (m *model) step() {
	if m.steps--; m.steps < 0 {
		return
	}
	switch any := m.r.IntN; any(12) {
	case 0, 1, 2, 3, 4:
		c := &modelConn{number: len(m.conns), priority: any(3), owner: m.owners[any(len(m.owners))]}
		c.conn = m.connect(c.owner, c, c.priority)
		require.Equal(m.t, c.owner.Alive(), c.conn.Connected())
		m.conns = append(m.conns, c)
	case 5:
		if c := m.some(); c != nil {
			c.conn.Disconnect()
		}
	case 6:
		if c := m.some(); c != nil {
			c.unmute = append(c.unmute, c.conn.Mute())
		}
	case 7:
		if c := m.some(); c != nil && len(c.unmute) > 0 {
			c.unmute[0]()
			c.unmute = c.unmute[1:]
		}
	case 8:
		i := any(len(m.owners))
		_ = m.owners[i].Destroy()
		if any(2) == 0 { // else others will be connected in vain
			m.owners[i] = m.app.NewChild(fmt.Sprint(len(m.conns)))
		}
	default:
		if len(m.turns) < 3 {
			m.visit()
		}
	}
}

func (m *model) some() *modelConn {
	if len(m.conns) == 0 {
		return nil
	}
	return m.conns[m.r.IntN(len(m.conns))]
}

func TestModel_RandomProgramsCallWhomItCalls(t *testing.T) {
	programs := 400
	if testing.Short() || testkit.Race {
		programs = 60
	}
	ctx := context.Background()
	for name, use := range map[string]func(*model){
		"First": func(m *model) {
			var h hook.Hook[int, int]
			m.connect = func(o *tether.Owner, c *modelConn, p int) *tether.Connection {
				return h.Handle(o, func(context.Context, int) (int, error) { m.called(c); return 0, hook.ErrPass }, tether.Priority(p))
			}
			m.call = func(t *turn) {
				_, err := h.First(ctx, 1)
				require.Equal(m.t, hook.ErrNobody, err)
				m.ended(t)
			}
		},
		"First answers": func(m *model) {
			var h hook.Hook[int, int]
			m.connect = func(o *tether.Owner, c *modelConn, p int) *tether.Connection {
				return h.Handle(o, func(context.Context, int) (int, error) {
					m.called(c)
					if c.number%5 == 0 {
						return c.number, nil
					}
					return 0, hook.ErrPass
				}, tether.Priority(p))
			}
			m.call = func(t *turn) {
				n, err := h.First(ctx, 1)
				if err == nil {
					require.Equal(m.t, t.at.number, n)
				} else {
					m.ended(t)
				}
			}
		},
		"All": func(m *model) {
			var h hook.Hook[int, int]
			var outs [][]int
			m.connect = func(o *tether.Owner, c *modelConn, p int) *tether.Connection {
				return h.Handle(o, func(context.Context, int) (int, error) {
					outs[len(m.turns)-1] = append(outs[len(m.turns)-1], c.number)
					m.called(c)
					return c.number, nil
				}, tether.Priority(p))
			}
			m.call = func(t *turn) {
				outs = append(outs[:len(m.turns)-1], nil)
				all, err := h.All(ctx, 1)
				require.NoError(m.t, err)
				require.Equal(m.t, outs[len(m.turns)-1], all)
				m.ended(t)
			}
		},
		"Ask": func(m *model) {
			var v hook.Veto[int]
			m.connect = func(o *tether.Owner, c *modelConn, p int) *tether.Connection {
				return v.Handle(o, func(context.Context, int) error { m.called(c); return nil }, tether.Priority(p))
			}
			m.call = func(t *turn) {
				require.NoError(m.t, v.Ask(ctx, 1))
				m.ended(t)
			}
		},
		"Run": func(m *model) {
			var c hook.Chain[int, int]
			m.connect = func(o *tether.Owner, mc *modelConn, p int) *tether.Connection {
				return c.Use(o, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
					t := m.called(mc)
					for range m.r.IntN(3) {
						t.at = mc
						if ctx.Err() != nil { // its owner was destroyed, and nobody else is called for it
							_, err := next(ctx, in)
							require.Equal(m.t, tether.ErrDestroyed, err)
							ctx = context.Background()
						}
						if _, err := next(ctx, in); err != nil {
							return 0, err
						}
					}
					return in, nil
				}, tether.Priority(p))
			}
			m.call = func(t *turn) {
				_, err := c.Run(ctx, 1, func(context.Context, int) (int, error) { m.ended(t); return 0, nil })
				require.NoError(m.t, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range programs {
				m := &model{t: t, r: rand.New(rand.NewPCG(uint64(seed), 1)), app: tether.NewOwner("app"), steps: 60}
				for i := range 4 {
					m.owners = append(m.owners, m.app.NewChild(fmt.Sprint(i)))
				}
				use(m)
				for m.steps > 0 {
					m.step()
				}
				require.NoError(t, m.app.Destroy())
			}
		})
	}
}
