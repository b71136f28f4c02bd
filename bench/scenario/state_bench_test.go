package scenario

import (
	"testing"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// BenchmarkState is for profiles: a Set of each shape that package state is measured by.
func BenchmarkState(b *testing.B) {
	for _, name := range Shapes {
		b.Run("shape="+name, func(b *testing.B) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			set := stateShape(app, name)
			b.ReportAllocs()
			for i := 1; b.Loop(); i++ {
				set(i)
			}
		})
	}
}

// stateShape builds a shape with package state, and returns what sets it.
func stateShape(app *tether.Owner, name string) func(int) {
	first := state.NewValue(app, 0)
	var last state.Readable[int] = first
	switch name {
	case chain:
		for range chainLength {
			last = user(app, last)
		}
		listen(app, last)
		return first.Set
	case fan:
		for range fanWidth {
			listen(app, user(app, first))
		}
		return first.Set
	}
	g := &tetherGraph{owner: app}
	shape(name, g)
	return g.set
}
