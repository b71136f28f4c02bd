package tether_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A trace is a log that several goroutines write.
type trace struct {
	mu    sync.Mutex
	lines []string
}

func (l *trace) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *trace) f(line string) func() { return func() { l.add("%s", line) } }

func (l *trace) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

func (l *trace) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, " ")
}

// A journal is what handlers have seen, in their order.
type journal[T any] struct {
	mu  sync.Mutex
	got []T
}

func (j *journal[T]) add(v T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.got = append(j.got, v)
}

func (j *journal[T]) all() []T {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.got)
}
