package tethertest

import "testing"

// VerifyWithin is VerifyNone with another patience.
var VerifyWithin = verify

// Verify begins a verification. find looks for what it answers for, and end ends it with what was
// found, unless that is not all. judge does both until it has ended.
func Verify(t testing.TB) (find func() (end func() bool), judge func() string) {
	v := &verification{t: t}
	watch.begin(v)
	find = func() func() bool {
		f, last := watch.find(v)
		return func() bool { return watch.end(v, f, last) }
	}
	return find, v.judge
}

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
