// Package fix has reports with a fix.
package fix

import "github.com/seed-ec287111/tether"

func never(s *tether.Signal[int]) {
	o := tether.NewOwner("o") // want `never destroyed`
	s.Connect(o, func(int) {})
}

func early(s *tether.Signal[int], err error) error {
	o := tether.NewOwner("o") // want `not destroyed on every path`
	s.Connect(o, func(int) {})
	if err != nil {
		return err
	}
	o.Destroy()
	return nil
}

func inABranch(s *tether.Signal[int], ok bool) { // where a defer would be late there is no fix
	if ok {
		o := tether.NewOwner("o") // want `never destroyed`
		s.Connect(o, func(int) {})
	}
}
