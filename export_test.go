package tether

// ForgetLost makes every place that loses owners be reported again.
func ForgetLost() {
	lost.mu.Lock()
	defer lost.mu.Unlock()
	lost.logged = nil
}
