// Command cmd shows that the end of main is that of everything.
package main

import "github.com/seed-ec287111/tether"

func main() {
	app := tether.NewOwner("app")
	var s tether.Signal[int]
	s.Connect(app, func(int) {})
	if s.Len() == 2 {
		return
	}
	app.Destroy()
	tether.NewOwner("other").Defer(func() {})
	helper()
}

func helper() {
	tether.NewOwner("o").NewChild("child").Defer(func() {}) // want `lost at once`
	o := tether.NewOwner("o")                               // want `never destroyed`
	o.Defer(func() {})
}
