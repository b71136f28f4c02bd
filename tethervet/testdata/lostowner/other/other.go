// Package other is imported for its facts.
package other

import "github.com/seed-ec287111/tether"

func Listen(o *tether.Owner, s *tether.Signal[string]) { // want Listen:`borrows \[0\], ends \[\]`
	s.Connect(o, func(string) {})
}

func End(o *tether.Owner) { // want End:`borrows \[\], ends \[0\]`
	defer o.Destroy()
}

var held *tether.Owner

func Hold(o *tether.Owner) { held = o }

func Session() *tether.Owner { // want Session:`fresh`
	return tether.NewOwner("session")
}
