package state_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

func Example() {
	app := tether.NewOwner("app")
	defer app.Destroy()

	price := state.NewValue(app, 20)
	count := state.NewValue(app, 1)
	total := state.NewComputed(app, func(use *state.Use) int {
		return price.Use(use) * count.Use(use)
	})

	screen := app.NewChild("screen")
	total.Changes().Connect(screen, func(c state.Change[int]) {
		fmt.Println(c.Old, "->", c.New)
	})
	count.Set(3)
	screen.Destroy() // nobody watches, so nothing is computed
	price.Set(25)
	fmt.Println(total.Get()) // but now
	// Output:
	// 20 -> 60
	// 75
}

func ExampleValue() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	name := state.NewValue(app, "ann")
	name.Changes().Connect(app, func(c state.Change[string]) { fmt.Println(c.Old, "is now", c.New) })
	name.Set("bob")
	name.Set("bob") // equal: no change
	name.Update(func(s string) string { return s + "by" })
	// Output:
	// ann is now bob
	// bob is now bobby
}

// What a function uses is found out each time that it runs.
func ExampleComputed() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	metric := state.NewValue(app, true)
	km, miles := state.NewValue(app, 100.0), state.NewValue(app, 62.0)
	shown := state.NewComputed(app, func(use *state.Use) string {
		fmt.Print("(computed) ")
		if metric.Use(use) {
			return fmt.Sprint(km.Use(use), " km")
		}
		return fmt.Sprint(miles.Use(use), " miles")
	})
	fmt.Println(shown.Get())
	miles.Set(63) // not used
	fmt.Println(shown.Get())
	metric.Set(false)
	fmt.Println(shown.Get())
	// Output:
	// (computed) 100 km
	// 100 km
	// (computed) 63 miles
}

// The main mistake: a computing function that reads with Get instead of Use does
// not depend on what it reads, and goes on being what it was.
func ExampleComputed_mistake() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	x := state.NewValue(app, 1)
	wrong := state.NewComputed(app, func(use *state.Use) int { return 2 * x.Get() })
	right := state.NewComputed(app, func(use *state.Use) int { return 2 * x.Use(use) })
	fmt.Println(wrong.Get(), right.Get())
	x.Set(5)
	fmt.Println(wrong.Get(), right.Get())
	// Output:
	// 2 2
	// 2 10
}

func ExampleCycleError() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var net *state.Computed[int]
	tax := state.NewComputed(app, func(use *state.Use) int { return net.Use(use) / 5 }, state.Name("tax"))
	net = state.NewComputed(app, func(use *state.Use) int { return 100 - tax.Use(use) }, state.Name("net"))
	defer func() { fmt.Println(recover()) }()
	net.Get()
	// Output: state: cycle: net -> tax -> net
}

func ExampleBatch() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	x, y := state.NewValue(app, 1), state.NewValue(app, 2)
	point := state.NewComputed(app, func(use *state.Use) [2]int { return [2]int{x.Use(use), y.Use(use)} })
	point.Changes().Connect(app, func(c state.Change[[2]int]) { fmt.Println(c.New) })

	var b state.Batch
	x.SetIn(&b, 10)
	y.SetIn(&b, 20)
	b.Commit()
	// Output: [10 20]
}

func ExampleEqual() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	near := state.Equal(func(a, b float64) bool { return a-b < 1 && b-a < 1 })
	level := state.NewValue(app, 10.0, near)
	level.Changes().Connect(app, func(c state.Change[float64]) { fmt.Println(c.New) })
	level.Set(10.5)
	level.Set(12)
	// Output: 12
}

func ExampleSpring() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var frames tether.Signal[tether.Tick] // or a tether.Heartbeat
	door := state.NewSpring(app, &frames, 0, state.SpringConfig{Frequency: 1, Damping: 1})

	door.SetTarget(90)
	for !door.Asleep() {
		frames.Fire(tether.Tick{Delta: 250 * time.Millisecond})
		fmt.Printf("%.2f ", door.Get())
	}
	fmt.Println(frames.Len())
	// Output: 41.90 73.89 85.38 88.78 89.69 89.92 89.98 90.00 90.00 0
}

func ExampleTween() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var frames tether.Signal[tether.Tick]
	fade := state.NewTween(app, &frames, 0, 100, time.Second, state.Smooth)
	for !fade.Arrived() {
		frames.Fire(tether.Tick{Delta: 300 * time.Millisecond})
		fmt.Printf("%.1f\n", fade.Get())
	}
	// Output:
	// 21.6
	// 64.8
	// 97.2
	// 100.0
}

func ExampleNewEffect() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	room := state.NewValue(app, "hall")
	state.NewEffect(app, func(use *state.Use, run *tether.Owner) {
		name := room.Use(use)
		fmt.Println("enter", name)
		run.Defer(func() { fmt.Println("leave", name) })
	})
	room.Set("garden")
	// Output:
	// enter hall
	// leave hall
	// enter garden
	// leave garden
}

func ExampleBind() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	level := state.NewValue(app, 1)
	state.Bind(app, level, func(v int) { fmt.Println("level", v) })
	level.Set(2)
	// Output:
	// level 1
	// level 2
}

func ExampleForEach() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	players := state.NewValue(app, map[string]int{"ann": 1})
	scores := state.ForEach(app, players, func(use *state.Use, item *tether.Owner, name string, points int) string {
		return fmt.Sprintf("%s has %d", name, points)
	})
	fmt.Println(scores.Get())
	players.Set(map[string]int{"ann": 1, "bob": 5}) // ann's is not computed again
	fmt.Println(scores.Get())
	// Output:
	// map[ann:ann has 1]
	// map[ann:ann has 1 bob:bob has 5]
}

func ExampleNewLens() {
	type point struct{ X, Y int }
	app := tether.NewOwner("app")
	defer app.Destroy()
	p := state.NewValue(app, point{1, 2})
	x := state.NewLens(app, p, func(p point) int { return p.X }, func(p point, x int) point { p.X = x; return p })
	x.Set(10)
	fmt.Println(x.Get(), p.Get())
	// Output: 10 {10 2}
}

func ExampleNewResource() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	loaded := make(chan bool)
	page := state.NewResource(app, func(ctx context.Context) (string, error) {
		<-loaded
		return "hello", nil
	})
	done := make(chan bool)
	state.Bind(app, page, func(p state.Loaded[string]) {
		fmt.Printf("%v %q\n", p.Loading, p.Value)
		if !p.Loading {
			close(done)
		}
	})
	close(loaded)
	<-done
	// Output:
	// true ""
	// false "hello"
}
