package tether_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// A Fire goes through the handlers of one owner in groups, and leaves that short way at
// anything rare. So wherever the rare thing comes, and whoever owns the handlers, each must
// have its one call, and its owner must know that it runs.
func TestSignal_EachHandlerIsCalledOnceWhereverAnythingRareComes(t *testing.T) {
	for name, do := range rareThings {
		for _, supervised := range []bool{false, true} {
			if supervised && !strings.HasPrefix(name, "panic") {
				continue
			}
			t.Run(fmt.Sprintf("%s, supervised %v", name, supervised), func(t *testing.T) {
				for n := 1; n <= 9; n++ {
					for _, owners := range ownings(n) {
						for at := range n {
							for to := range n {
								tryRare(t, &rareCase{owners: owners, at: at, to: to, do: do}, supervised)
							}
						}
					}
				}
			})
		}
	}
}

// ownings returns numbers of owners for n handlers: all ways to have two owners if n is small,
// else one owner, or one of the handlers belongs to another; and an owner each.
func ownings(n int) (all [][]int) {
	each := make([]int, n)
	for i := range each {
		each[i] = i
	}
	all = append(all, each)
	for bits := range 1 << n {
		if n > 5 && bits&(bits-1) != 0 {
			continue
		}
		owners := make([]int, n)
		for i := range owners {
			owners[i] = bits >> i & 1
		}
		all = append(all, owners)
	}
	return all
}

// A rareCase is a signal with handlers, of which the one at index at does something, mostly to
// the one at index to.
type rareCase struct {
	owners []int // the number of each handler's owner
	at, to int
	do     func(c *rareCase)

	s       tether.Signal[int]
	byNo    map[int]*tether.Owner
	conns   []*tether.Connection
	running int // the handler that is running; -1: none
	got     []int
	dead    []int  // must not have been called
	panics  []int  // further handlers that panic
	wrong   string // what else was seen
}

var rareThings = map[string]func(c *rareCase){
	"nothing":    func(*rareCase) {},
	"disconnect": func(c *rareCase) { c.conns[c.to].Disconnect(); c.ended(c.to) },
	"mute":       func(c *rareCase) { c.conns[c.to].Mute(); c.ended(c.to) },
	"destroy": func(c *rareCase) {
		for i, no := range c.owners {
			if no == c.owners[c.to] {
				c.ended(i)
			}
		}
		_ = c.byNo[c.owners[c.to]].Destroy()
	},
	"panic": func(*rareCase) { panic("rare") },
	"panics behind a dead one": func(c *rareCase) {
		c.conns[c.to].Disconnect()
		c.ended(c.to)
		for i := max(c.at, c.to) + 1; i < len(c.owners); i++ {
			c.panics = append(c.panics, i)
		}
	},
	"connect": func(c *rareCase) {
		for range 3 { // so the block may be replaced
			c.s.Connect(c.byNo[c.owners[c.to]], func(int) { c.wrong = "a handler that came later is called" })
		}
	},
}

// ended notes that handler i must not be called from now on.
func (c *rareCase) ended(i int) {
	if !slices.Contains(c.got, i) {
		c.dead = append(c.dead, i)
	}
}

func (c *rareCase) handle(i int) {
	before := c.running
	c.running = i
	defer func() { c.running = before }()
	c.got = append(c.got, i)
	if i == c.at {
		c.do(c)
	}
	if slices.Contains(c.panics, i) {
		panic("rare")
	}
}

// tryRare fires once, and looks at what was called.
func tryRare(t *testing.T, c *rareCase, supervised bool) {
	var opts []tether.OwnerOption
	if supervised {
		opts = append(opts, tether.WithPanicHandler(func(*tether.PanicError) {}))
	}
	root := tether.NewOwner("root", opts...)
	defer root.Destroy()
	c.byNo, c.running = make(map[int]*tether.Owner), -1
	for i, no := range c.owners {
		if c.byNo[no] == nil {
			c.byNo[no] = root.NewChild("child")
			c.byNo[no].Defer(func() {
				if c.running >= 0 && c.owners[c.running] == no {
					c.wrong = "a cleanup runs beside a handler of its owner"
				}
			})
		}
		c.conns = append(c.conns, c.s.Connect(c.byNo[no], func(int) { c.handle(i) }))
	}
	func() {
		defer func() { _ = recover() }()
		c.s.Fire(1)
	}()
	var want []int
	for i := range c.conns {
		if !slices.Contains(c.dead, i) {
			want = append(want, i)
		}
	}
	if !slices.Equal(want, c.got) || c.wrong != "" {
		require.Failf(t, "wrong", "owners %v, handler %d does it to handler %d: called %v, want %v; %s", c.owners, c.at, c.to, c.got, want, c.wrong)
	}
}
