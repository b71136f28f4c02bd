// Package load runs Tether at full speed under the race detector, which proves
// the barrier: see README.md. It holds tests only.
package load
