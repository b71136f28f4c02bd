//go:build !tether_explore

package yield

// Point does nothing.
func Point(string) {}
