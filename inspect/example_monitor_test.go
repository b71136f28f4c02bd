package inspect_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

// A Monitor looks again and again. What is wrong shows in one look after another.
func ExampleMonitor() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var joined tether.Signal[string]
	greet := func(string) {}

	m := inspect.NewMonitor(5 * time.Second)
	for range 10 { // once a second, say
		joined.Connect(app, greet) // the fault: again and again, to an owner that stays
		for _, t := range m.Look().Trouble {
			if t.Owner == "app" && t.Count == 10 {
				fmt.Println(t.Kind, t.Count, t.What, "of", t.Owner, "at line", t.Where.Line > 0)
			}
		}
	}
	// Output: grows 10 connection string of app at line true
}

func ExampleSearch() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	app.NewChild("ann")
	app.NewChild("bob")
	found, _, _ := inspect.Search(context.Background(), "app/b", 10)
	for _, f := range found {
		fmt.Println(f.Owner)
	}
	// Output: app/bob
}
