// Package tethervet has static checks for programs that use tether: is every owner
// ended, before the program runs?
//
// Each analyzer is a package of its own, whose comment says what it reports, why,
// and what is right instead. The command cmd/tethervet runs them all, by itself or
// by go vet; package plugin is for golangci-lint.
//
// They are silent where they are not sure, so a report is worth reading. One that is
// not wanted is silenced at its line, with a reason:
//
//	//tethervet:ignore lostowner the test is about this
package tethervet
