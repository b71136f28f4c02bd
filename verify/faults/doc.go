// Package faults holds the fault matrix: every way in which a user's function
// can misbehave, in every place where the library calls one. Its test runs each
// cell, and checks that what happens is what the contract says. It also checks that
// afterwards nothing is lost, stuck, run twice, leaked or poisoned. The test
// compares its cells with the table verify/FAULTS.md.
package faults
