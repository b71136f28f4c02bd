package tetherotel

import (
	"reflect"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/metric"
)

// A teller is a registration that may be the one to tell its provider of lost owners. They
// are lost to the whole program, and what several callbacks observe adds up: so the oldest
// registration with a provider tells.
type teller struct{ provider metric.MeterProvider }

var tellers struct {
	mu   sync.Mutex // guards the field below
	list []*teller  // oldest first
}

func newTeller(provider metric.MeterProvider) *teller {
	t := &teller{provider}
	tellers.mu.Lock()
	defer tellers.mu.Unlock()
	tellers.list = append(tellers.list, t)
	return t
}

// tells reports whether t is the one.
func (t *teller) tells() bool {
	tellers.mu.Lock()
	defer tellers.mu.Unlock()
	i := slices.IndexFunc(tellers.list, func(other *teller) bool {
		return other == t || reflect.ValueOf(t.provider).Comparable() && other.provider == t.provider
	})
	return i >= 0 && tellers.list[i] == t
}

// leave leaves it to the next one.
func (t *teller) leave() {
	tellers.mu.Lock()
	defer tellers.mu.Unlock()
	if i := slices.Index(tellers.list, t); i >= 0 {
		tellers.list = slices.Delete(tellers.list, i, i+1)
	}
}
