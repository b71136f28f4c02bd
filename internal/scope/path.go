package scope

import (
	"slices"

	"github.com/seed-ec287111/tether/internal/quote"
)

// String returns the path for use in a text: names that could be taken for something else
// are quoted, see package quote. Path is for programs.
//
// Cost: linear in the depth and the length of the names.
func (s *Scope) String() string {
	var names []string
	for p := s; p != nil; p = p.parent {
		names = append(names, p.name)
	}
	slices.Reverse(names)
	return quote.Path(names)
}
