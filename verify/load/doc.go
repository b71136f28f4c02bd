// Package load runs Tether at full speed: barrier proofs by the race detector, a
// soak, storms of garbage collections, and large numbers. See README.md. It holds
// tests only.
package load
