package connlist

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each step of a walk over many lists is checked against a look at all connections, while
// connections come and go, so that blocks are copied under the walk.
func TestWalkAll_GoesByPriorityThenNumberWhateverComesAndGoes(t *testing.T) {
	type entry struct {
		conn     *Conn
		priority int
	}
	programs := 300
	if testing.Short() {
		programs = 50
	}
	for seed := range programs {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		owner := newScope(t)
		var numbers atomic.Uint64
		lists := make([]*List, 1+r.IntN(12))
		for i := range lists {
			lists[i] = new(List)
			lists[i].NumberBy(&numbers)
		}
		var all []entry
		connect := func() {
			e := entry{new(Conn), r.IntN(4)}
			require.True(t, lists[r.IntN(len(lists))].Connect(e.conn, owner, Word(func(int) {}), e.priority, r.IntN(4) == 0, nil))
			all = append(all, e)
		}
		for range r.IntN(200) {
			connect()
		}
		limit := numbers.Load()
		var at *entry
		before := func(a, b *entry) bool {
			return a.priority > b.priority || a.priority == b.priority && a.conn.seq < b.conn.seq
		}
		next := func() (best *entry) {
			for i := range all {
				e := &all[i]
				if e.conn.Live() && e.conn.seq <= limit && (at == nil || before(at, e)) && (best == nil || before(e, best)) {
					best = e
				}
			}
			return best
		}
		w := WalkAll(lists, limit)
		for {
			want := next()
			if !w.Next() {
				require.Nil(t, want, "the walk has ended before its time")
				break
			}
			require.NotNil(t, want)
			require.Same(t, want.conn, w.at, "seed %d", seed)
			e := *want
			for range r.IntN(6) {
				if r.IntN(3) == 0 {
					connect()
				} else {
					all[r.IntN(len(all))].conn.Disconnect()
				}
			}
			at = &e
		}
		w.End()
	}
}

func TestWalkAll_OfThousandsOfLists(t *testing.T) {
	owner := newScope(t)
	for _, n := range []int{1, 100, 2000} {
		var numbers atomic.Uint64
		lists := make([]*List, n)
		for i := range lists {
			lists[i] = new(List)
			lists[i].NumberBy(&numbers)
		}
		var want []uint64
		for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(4 * n) {
			var c Conn
			lists[i%n].Connect(&c, owner, Word(func(int) {}), 0, false, nil)
			want = append(want, numbers.Load())
		}
		var got []uint64
		w := WalkAll(lists, numbers.Load())
		for w.Next() {
			got = append(got, w.at.seq)
		}
		w.End()
		require.True(t, slices.Equal(want, got), fmt.Sprint(n))
	}
}
