package inspect_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

// Looks, searches and briefs go by owners, queues and connections that come and go under
// them. The race detector judges; and what stays all the time is seen at each look.
func TestMonitor_LooksWhileTheTreesChange(t *testing.T) {
	cores(t, func(t *testing.T) {
		app := newOwner(t, "churn")
		for i := range 100 {
			app.NewChild(fmt.Sprint("stays-", i)).Defer(sweep)
		}
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		shared := tether.NewQueue(app, 1, tether.DropOldest)
		var posts tether.Signal[int]
		all.Go(func() {
			for ctx.Err() == nil {
				c := posts.Connect(app, count, tether.On(shared))
				posts.Fire(1)
				posts.Fire(2)
				c.Disconnect()
			}
		})
		for range 3 {
			all.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					var s tether.Signal[int]
					o := app.NewChild(fmt.Sprint("goes-", i))
					q := tether.NewQueue(o, 2, tether.DropOldest)
					s.Connect(o, count, tether.On(q))
					s.Once(o, count, tether.On(q))
					s.Connect(o.NewChild("below"), count).Mute()
					for v := range 5 {
						s.Fire(v)
					}
					o.Go(poll)
					o.Destroy()
				}
			})
		}
		m := inspect.NewMonitor(time.Second)
		rounds := 50
		if testing.Short() {
			rounds = 10
		}
		for range rounds {
			r := m.Look()
			f := tree(t, r, "churn")
			require.Equal(t, "stays-#×100", below(f)[0])
			require.Equal(t, 100, f.Below[0].Holds[0].Count)
			for _, c := range f.Below {
				owners, _ := c.Sample()
				for _, o := range owners {
					o.Holds()
					o.Below(10)
					o.Again()
				}
			}
			found, _, _ := inspect.Search(ctx, "stays-7", 100)
			require.Len(t, found, 11)
			require.LessOrEqual(t, inspect.Of(app).Queues[0].Connections, 1)
		}
		stop()
		all.Wait()
	})
}

// What is taken at a time may have ended before the next time. Then the rest is not seen; but
// nothing is seen twice, and the look comes to its end.
func TestMonitor_LooksAtManyChildrenThatGo(t *testing.T) {
	app := newOwner(t, "many")
	var all []*tether.Owner
	for i := range 20_000 {
		all = append(all, app.NewChild(fmt.Sprint("x", i)))
	}
	go func() {
		for i := len(all) - 1; i >= 0; i-- { // from where a look begins
			all[i].Destroy()
		}
	}()
	m := inspect.NewMonitor(time.Second)
	for last := 20_000; last > 0; {
		r := m.Look()
		f := tree(t, r, "many")
		n := 0
		for _, c := range f.Below {
			require.True(t, strings.HasPrefix(c.Name, "x"), c.Name)
			n += c.Owners
		}
		require.LessOrEqual(t, n, 20_000)
		if !r.Partial {
			require.LessOrEqual(t, n, last)
			last = n
		}
	}
}
