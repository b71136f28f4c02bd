package keyed_test

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

func Example() {
	var said tether.Signal[string]

	app := tether.NewOwner("app")
	defer app.Destroy()
	players := keyed.New[string](app, "players")

	for _, name := range []string{"ann", "bob"} {
		owner := players.Get(name)
		said.Connect(owner, func(line string) { fmt.Println(name, "reads", line) })
		owner.Defer(func() { fmt.Println(owner, "left") })
	}
	said.Fire("hello")
	players.Destroy("ann")
	said.Fire("bye")
	// Output:
	// ann reads hello
	// bob reads hello
	// app/players/ann left
	// bob reads bye
	// app/players/bob left
}

// A player who logs in again gets a fresh session, when the old one has saved.
func ExampleOwners_Replace() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	players := keyed.New[string](app, "players")

	saved := 0
	login := func() {
		session := players.Replace("ann")
		score := saved
		fmt.Println("loaded", score)
		session.Go(func(ctx context.Context) {
			score += 10
			<-ctx.Done()
			score += 5
		})
		session.Defer(func() { saved = score })
	}
	login()
	login()
	players.Destroy("ann")
	fmt.Println("saved", saved)
	// Output:
	// loaded 0
	// loaded 15
	// saved 30
}

func ExampleOwners_All() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	rooms := keyed.New[int](app, "rooms")
	rooms.Get(101)
	rooms.Get(102)
	rooms.Get(203)
	for number, room := range rooms.All() {
		if number < 200 {
			room.Destroy()
		}
	}
	fmt.Println(rooms.Len(), slices.Collect(maps.Keys(maps.Collect(rooms.All()))))
	// Output:
	// 1 [203]
}

func ExampleOwners_Lookup() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	players := keyed.New[string](app, "players")
	players.Get("ann")
	for _, name := range []string{"ann", "bob"} {
		_, online := players.Lookup(name) // makes nothing, unlike Get
		fmt.Println(name, online)
	}
	fmt.Println(players.Len())
	// Output:
	// ann true
	// bob false
	// 1
}

// The main mistake: to keep an owner in a map of one's own. The map does not
// hear that the owner has ended, and hands out a dead one, to which nothing can
// be connected.
func Example_mistake() {
	var said tether.Signal[string]
	app := tether.NewOwner("app")
	defer app.Destroy()
	players := keyed.New[string](app, "players")

	kept := map[string]*tether.Owner{"ann": players.Get("ann")}
	kept["ann"].Cancel(nil) // by whoever found her idle

	c := said.Connect(kept["ann"], func(string) {}) // wrong
	fmt.Println("by the map:", c.Connected())
	c = said.Connect(players.Get("ann"), func(string) {}) // asks each time
	fmt.Println("by Get:", c.Connected())
	// Output:
	// by the map: false
	// by Get: true
}
