// Package load runs Tether at full speed and counts what must not happen:
// litmus tests, proofs by the race detector, garbage collector storms, a soak,
// and large numbers. It holds tests only; see README.md.
package load
