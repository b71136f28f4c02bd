// Package faults holds the fault matrix: every way in which a user's function
// can misbehave, in every place where the library calls one. Its test runs each
// cell and checks what happens by the contract, and that afterwards nothing is
// lost, stuck, run twice, leaked or poisoned. The table is verify/FAULTS.md,
// which the test compares with its cells.
package faults
