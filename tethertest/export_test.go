package tethertest

// VerifyWithin is VerifyNone with another patience.
var VerifyWithin = verify

// Idle reports whether nothing is watched and nothing is remembered.
func Idle() bool {
	watch.prune()
	watch.mu.Lock()
	defer watch.mu.Unlock()
	return len(watch.active) == 0 && watch.origins == nil && watch.roots == nil && watch.waits == nil &&
		len(watch.kept) == 0
}

// Impatient has VerifyNone fail at once, until restore is called.
func Impatient() (restore func()) {
	before := patience
	patience = 0
	return func() { patience = before }
}

// Kept returns how many owners are left to NewOwner. Those that failed their tests, and
// ended after that, are forgotten at the next look.
func Kept() int {
	watch.prune()
	watch.mu.Lock()
	defer watch.mu.Unlock()
	return len(watch.kept)
}
