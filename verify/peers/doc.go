// Package peers gives the public API of four other libraries on top of tether, each in a
// package of its own, and holds the adapter and the original to the same tests: what their
// documentation says, in our own words. Where the two differ on purpose, the test says so.
// The README says where an adapter was awkward to write, and what that has changed.
package peers
