// Package other is imported for its facts.
package other

import "github.com/seed-ec287111/tether"

func Listen(o *tether.Owner, s *tether.Signal[string]) {
	s.Connect(o, func(string) {})
}

func End(o *tether.Owner) {
	defer o.Destroy()
}

var held *tether.Owner

func Hold(o *tether.Owner) { held = o }

func Session() *tether.Owner {
	return tether.NewOwner("session")
}
