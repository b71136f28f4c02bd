package weakref

import "runtime"

// Watched returns how many targets have connections to be ended with them.
func Watched() int { return targets.len() }

// WithoutCleanups calls f, then takes back the cleanups of targets that it made.
func WithoutCleanups(f func()) {
	f()
	targets.mu.Lock()
	defer targets.mu.Unlock()
	for _, e := range targets.entries {
		e.cleanup.Stop()
	}
	clear(targets.entries)
	runtime.KeepAlive(f)
}
