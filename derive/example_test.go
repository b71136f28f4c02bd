package derive_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
)

func Example() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var orders tether.Signal[int] // amounts

	large := derive.Filter(&orders, func(amount int) bool { return amount >= 100 })
	total := derive.Scan(large, 0, func(sum, amount int) int { return sum + amount })
	c := total.Connect(app, func(sum int) { fmt.Println("large orders so far:", sum) })

	orders.Fire(250)
	orders.Fire(20)
	orders.Fire(100)
	c.Disconnect() // ends all of it
	orders.Fire(500)
	// Output:
	// large orders so far: 250
	// large orders so far: 350
}

func ExampleFilterMap() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var events tether.Signal[any]
	errs := derive.FilterMap(&events, func(e any) (error, bool) { err, ok := e.(error); return err, ok })
	errs.Connect(app, func(err error) { fmt.Println(err) })
	events.Fire("started")
	events.Fire(context.Canceled)
	// Output:
	// context canceled
}

func ExampleUntil() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var moved, dropped tether.Signal[string]
	drag := derive.Until(&moved, &dropped)
	c := drag.Connect(app, func(where string) { fmt.Println("drag to", where) })
	moved.Fire("a1")
	moved.Fire("b2")
	dropped.Fire("b2")
	moved.Fire("c3")
	fmt.Println(c.Connected())
	// Output:
	// drag to a1
	// drag to b2
	// false
}

func ExampleMerge() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var ann, bob tether.Signal[string]
	derive.Merge(&ann, &bob).Connect(app, func(line string) { fmt.Println(line) })
	ann.Fire("ann: hello")
	bob.Fire("bob: hi")
	// Output:
	// ann: hello
	// bob: hi
}

func ExampleDistinct() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var temperature tether.Signal[int]
	derive.Distinct(&temperature).Connect(app, func(t int) { fmt.Println(t) })
	for _, t := range []int{20, 20, 21, 21, 20} {
		temperature.Fire(t)
	}
	// Output:
	// 20
	// 21
	// 20
}

// What is held when the source ends is not lost.
func ExampleBuffer() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	feed := app.NewChild("feed")
	rows := tether.NewSignal[int](feed)
	c := derive.Buffer(rows, 2, time.Minute).Connect(app, func(batch []int) { fmt.Println("insert", batch) })
	for row := range 5 {
		rows.Fire(row)
	}
	feed.Destroy()
	<-c.Ended()
	// Output:
	// insert [0 1]
	// insert [2 3]
	// insert [4]
}

func ExampleDebounce() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var typed tether.Signal[string]
	found := make(chan bool)
	derive.Debounce(&typed, 10*time.Millisecond).Connect(app, func(text string) {
		fmt.Println("search for", text)
		close(found)
	})
	typed.Fire("g")
	typed.Fire("go")
	typed.Fire("gopher")
	<-found
	// Output:
	// search for gopher
}

func ExampleThrottle() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var clicked tether.Signal[int]
	derive.Throttle(&clicked, time.Hour, derive.Leading).Connect(app, func(n int) { fmt.Println("click", n) })
	clicked.Fire(1)
	clicked.Fire(2) // too soon
	// Output:
	// click 1
}

func ExampleSample() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var price tether.Signal[int]
	var beats tether.Signal[tether.Tick] // or a Heartbeat
	derive.Sample(&price, &beats).Connect(app, func(p int) { fmt.Println("price", p) })
	price.Fire(10)
	price.Fire(12)
	beats.Fire(tether.Tick{})
	beats.Fire(tether.Tick{}) // nothing new
	price.Fire(11)
	beats.Fire(tether.Tick{})
	// Output:
	// price 12
	// price 11
}

func ExampleLatest() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var width, height tether.Signal[int]
	derive.Latest(&width, &height, func(w, h int) int { return w * h }).Connect(app, func(area int) { fmt.Println(area) })
	width.Fire(3)
	height.Fire(4)
	width.Fire(5)
	// Output:
	// 12
	// 20
}

// Whoever is selected is followed, until the next one is.
func ExampleSwitch() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var selected tether.Signal[string]
	said := map[string]*tether.Signal[string]{"ann": {}, "bob": {}}
	derive.Switch(&selected, func(o *tether.Owner, name string) tether.Source[string] {
		o.Defer(func() { fmt.Println("no longer", name) })
		return said[name]
	}).Connect(app, func(line string) { fmt.Println(line) })
	selected.Fire("ann")
	said["ann"].Fire("hello")
	selected.Fire("bob")
	said["ann"].Fire("anybody there?")
	said["bob"].Fire("hi")
	// Output:
	// hello
	// no longer ann
	// hi
	// no longer bob
}

func ExampleShare() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var raw tether.Signal[int]
	parsed := derive.Share(app, derive.Map(&raw, func(v int) int {
		fmt.Println("parsed once")
		return v * 10
	}))
	parsed.Connect(app, func(v int) { fmt.Println("a", v) })
	parsed.Connect(app, func(v int) { fmt.Println("b", v) })
	raw.Fire(1)
	// Output:
	// parsed once
	// a 10
	// b 10
}

func ExampleChan() {
	app := tether.NewOwner("app")
	var s tether.Signal[int]
	ch := derive.Chan(app, &s, 10, tether.DropOldest)
	for v := range 3 {
		s.Fire(v)
	}
	app.Destroy()
	for v := range ch { // closed, and what it holds can be read
		fmt.Println(v)
	}
	// Output:
	// 0
	// 1
	// 2
}

// The main mistake: to expect that the state of an operator is shared. Each connection has
// a chain of its own, which begins when it is made.
func Example_mistake() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var visit tether.Signal[string]
	count := derive.Scan(&visit, 0, func(n int, _ string) int { return n + 1 })
	count.Connect(app, func(n int) { fmt.Println("first:", n) })
	visit.Fire("ann")
	count.Connect(app, func(n int) { fmt.Println("wrong, a count of its own:", n) })
	visit.Fire("bob")
	// Output:
	// first: 1
	// first: 2
	// wrong, a count of its own: 1
}
