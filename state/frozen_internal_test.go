package state

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// Whatever becomes of the run in which a function's owner is cut off: from then on the node
// depends on nothing, and nothing is left of it where it was used. Its value stays.
func TestFrozen_NothingIsLeftHoweverTheRunEnds(t *testing.T) {
	for name, end := range map[string]func(set func()){
		"it returns":         func(func()) {},
		"it panics":          func(func()) { panic("fail") },
		"it is overtaken":    func(set func()) { set() },
		"overtaken, panics":  func(set func()) { set(); panic("fail") },
		"it ends by Goexit":  nil,
		"and never computed": nil,
	} {
		t.Run(name, func(t *testing.T) {
			root := tether.NewOwner("root")
			defer root.Destroy()
			o := root.NewChild("o")
			x, y := NewValue(root, 1), NewValue(root, 1)
			cut := false
			c := NewComputed(o, func(use *Use) int {
				v := x.Use(use) + y.Use(use)
				if !cut {
					return v
				}
				elsewhere(func() { o.Cancel(nil) })
				if end != nil {
					end(func() { elsewhere(func() { x.Set(5) }) })
					return v
				}
				runtime.Goexit()
				return v
			})
			want := 0
			if name != "and never computed" {
				want = c.Get()
			} else {
				o.Cancel(nil)
			}
			cut = true
			y.Set(2)
			done := make(chan struct{})
			go func() { // which Goexit ends
				defer close(done)
				defer func() { _ = recover() }()
				c.Get()
			}()
			<-done
			require.Nil(t, x.source.users)
			require.Nil(t, y.source.users)
			require.Nil(t, c.node.deps)
			require.Nil(t, c.node.run)
			require.Equal(t, clean, c.node.color)
			y.Set(3)
			if name == "it returns" {
				want = 3 // the last run counts
			}
			require.Equal(t, want, c.Get())
			require.NoError(t, o.Destroy())
		})
	}
}
