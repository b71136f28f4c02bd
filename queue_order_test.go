package tether

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A modelValue is a value in the naive order: a slice in which everything is looked for.
type modelValue struct {
	conn   *queueConn
	number uint64
}

// The order of a queue agrees with a slice, whatever is pushed, taken, dropped and ended.
func TestOrder_AgreesWithASlice(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		var o order
		var model []modelValue
		var conns []*queueConn
		number := uint64(0)
		remove := func(i int) modelValue {
			v := model[i]
			model = slices.Delete(model, i, i+1)
			return v
		}
		for range 2000 {
			switch k := rnd.IntN(10); {
			case k < 5:
				number += uint64(1 + rnd.IntN(2))
				var c *queueConn
				if len(conns) > 0 && rnd.IntN(4) > 0 {
					c = conns[rnd.IntN(len(conns))]
				} else {
					c = &queueConn{once: rnd.IntN(3) == 0}
					if !c.once {
						conns = append(conns, c)
					}
				}
				o.push(c, number)
				model = append(model, modelValue{c, number})
			case k < 7 && len(model) > 0:
				want := remove(0)
				c, n := o.take()
				require.Same(t, want.conn, c)
				require.Equal(t, want.number, n)
			case k == 7:
				i := slices.IndexFunc(model, func(v modelValue) bool { return !v.conn.once })
				c := o.oldest()
				if i < 0 {
					require.Nil(t, c)
				} else {
					require.Same(t, remove(i).conn, c)
				}
			case k == 8 && len(model) > 0:
				c := model[rnd.IntN(len(model))].conn
				before := len(model)
				model = slices.DeleteFunc(model, func(v modelValue) bool { return v.conn == c })
				conns = slices.DeleteFunc(conns, func(d *queueConn) bool { return d == c })
				require.Equal(t, before-len(model), o.end(c))
				require.Zero(t, c.pending)
			}
			require.Equal(t, len(model), o.len())
			if len(model) == 0 {
				first, _ := o.first()
				require.Nil(t, first)
			} else {
				first, _ := o.first()
				require.Equal(t, model[0].number, first.number)
				require.Same(t, model[0].conn, first.conn)
			}
			sum, stale := 0, 0
			for _, list := range []interface {
				Len() int
				At(int) *place
			}{&o.plain, &o.spent} {
				for i := range list.Len() {
					p := list.At(i)
					sum += p.n
					if p.conn.ended {
						stale += p.n
					}
				}
			}
			require.Equal(t, o.values, sum, "values is the sum over all places")
			require.Equal(t, o.stale, stale)
			require.LessOrEqual(t, o.stale, max(16, o.values/2+1))
			for _, c := range conns {
				n := 0
				for _, v := range model {
					if v.conn == c {
						n++
					}
				}
				require.Equal(t, n, c.pending)
			}
		}
	}
}
