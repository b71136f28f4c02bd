// Package peers has the public APIs of four other libraries, written on top of tether, each
// in a package of its own. The same tests run on the adapter and on the original. They say
// in our own words what the original's documentation says. If the two differ on purpose, the
// test says so. The README says where an adapter was awkward to write, and what that has
// changed.
package peers
