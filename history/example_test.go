package history_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
)

func Example() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var said tether.Signal[string]
	log := history.Record(app, &said, 2)

	said.Fire("one")
	said.Fire("two")
	said.Fire("three")

	ann := app.NewChild("ann") // comes late
	log.Connect(ann, func(line string) { fmt.Println("ann reads", line) })
	fmt.Println("connected")
	said.Fire("four")
	// Output:
	// ann reads two
	// ann reads three
	// connected
	// ann reads four
}

// The sticky latest value: who connects is called with it at once.
func ExampleRecord_sticky() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var config tether.Signal[string]
	current := history.Record(app, &config, 1)

	config.Fire("level=info")
	config.Fire("level=debug")
	current.Connect(app, func(c string) { fmt.Println("apply", c) })
	last, ok := current.Last()
	fmt.Println(last, ok)
	// Output:
	// apply level=debug
	// level=debug true
}

func ExampleRing_All() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var temperature tether.Signal[int]
	recent := history.Record(app, &temperature, 3)
	for v := range 5 {
		temperature.Fire(20 + v)
	}
	fmt.Println(slices.Collect(recent.All()), recent.Len())
	// Output:
	// [22 23 24] 3
}

// Once gets the oldest value kept, or waits for the first.
func ExampleRing_Once() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var ready tether.Signal[string]
	state := history.Record(app, &ready, 1)
	state.Once(app, func(s string) { fmt.Println("early:", s) })
	ready.Fire("up")
	state.Once(app, func(s string) { fmt.Println("late:", s) })

	s, err := tether.Wait(context.Background(), state) // does not have to wait
	fmt.Println(s, err)
	// Output:
	// early: up
	// late: up
	// up <nil>
}

func ExampleRing_ConnectSelf() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	r := history.Record(app, &s, 10)
	for i := range 5 {
		s.Fire(i)
	}
	r.ConnectSelf(app, func(self *tether.Connection, v int) {
		fmt.Println(v)
		if v == 1 {
			self.Disconnect() // ends the replay too
		}
	})
	// Output:
	// 0
	// 1
}

// The main mistake: to expect that a Fire from inside a handler has been handled
// when it returns. Calls of one handler do not nest; the value comes next.
func Example_mistake() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var count tether.Signal[int]
	r := history.Record(app, &count, 1)
	sum := 0
	r.Connect(app, func(v int) {
		sum += v
		if v == 1 {
			count.Fire(2)
			fmt.Println("wrong: the sum is", sum)
		}
	})
	count.Fire(1)
	fmt.Println("right: the sum is", sum)
	// Output:
	// wrong: the sum is 1
	// right: the sum is 3
}
