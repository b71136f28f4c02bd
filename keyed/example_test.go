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

// A Room is a value with a life of its own.
type Room struct {
	name    string
	said    tether.Signal[string]
	members *keyed.Owners[string]
}

func newRoom(o *tether.Owner, name string) *Room {
	fmt.Println("open", name)
	o.Defer(func() { fmt.Println("closed", name) })
	return &Room{name: name, members: keyed.New[string](o, "members")}
}

func (r *Room) Join(who string) {
	r.said.Connect(r.members.Get(who), func(line string) { fmt.Println(who, "reads", line, "in", r.name) })
}

// The rooms of a chat: opened by whoever comes first, and ended with all that is in them.
func ExampleMap() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	rooms := keyed.NewMap(app, "rooms", newRoom)

	rooms.Get("lobby").Join("ann")
	rooms.Get("lobby").Join("bob")
	rooms.Get("attic").Join("cleo")
	rooms.Get("lobby").said.Fire("hello")

	rooms.Destroy("lobby")
	_, open := rooms.Lookup("lobby")
	fmt.Println("lobby:", open, "rooms:", rooms.Len())
	_, made := rooms.GetOrMake("lobby")
	fmt.Println("a new one:", made)
	// Output:
	// open lobby
	// open attic
	// ann reads hello in lobby
	// bob reads hello in lobby
	// closed lobby
	// lobby: false rooms: 1
	// open lobby
	// a new one: true
	// closed lobby
	// closed attic
}

// A session that is replaced has saved before the next one is opened.
func ExampleMap_Replace() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	saved := 0
	scores := keyed.NewMap(app, "scores", func(o *tether.Owner, player string) *int {
		score := saved
		fmt.Println("loaded", score)
		o.Defer(func() { saved = score })
		return &score
	})
	*scores.Get("ann") += 10
	*scores.Replace("ann") += 5
	scores.Destroy("ann")
	fmt.Println("saved", saved)
	// Output:
	// loaded 0
	// loaded 10
	// saved 15
}

// The main mistake with a Map: two opens that need each other.
func ExampleMap_circle() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	needs := map[string]string{"menu": "fonts", "fonts": "menu"}
	var assets *keyed.Map[string, string]
	assets = keyed.NewMap(app, "assets", func(_ *tether.Owner, name string) string {
		return name + " with " + assets.Get(needs[name])
	})
	defer func() { fmt.Println(recover()) }()
	assets.Get("menu")
	// Output:
	// keyed: Get of "menu" would wait for itself: "menu" needs "fonts" needs "menu"
}
