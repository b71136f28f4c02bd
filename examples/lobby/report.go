package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
)

// A Census counts what there is, to show that in the end nothing is left.
type Census struct {
	before Count

	mu    sync.Mutex // guards the fields below
	roots []*tether.Owner
	peak  Count
}

// A Count is what a census finds.
type Count struct{ Owners, Connections, Cleanups, Goroutines int }

// NewCensus returns a census that begins with what there is now.
func NewCensus() *Census {
	c := new(Census)
	c.before = c.Take()
	return c
}

// Watch has root counted from now on, at every beat.
func (c *Census) Watch(root *tether.Owner, beat tether.Source[tether.Tick]) {
	c.mu.Lock()
	c.roots = append(c.roots, root)
	c.mu.Unlock()
	beat.Connect(root, func(tether.Tick) { c.Take() })
}

// Take counts.
func (c *Census) Take() Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := Count{Goroutines: runtime.NumGoroutine()}
	for _, root := range c.roots {
		s := root.Stats()
		n.Owners += s.Owners
		n.Connections += s.Connections
		n.Cleanups += s.Cleanups
	}
	c.peak.Owners = max(c.peak.Owners, n.Owners)
	c.peak.Connections = max(c.peak.Connections, n.Connections)
	c.peak.Cleanups = max(c.peak.Cleanups, n.Cleanups)
	c.peak.Goroutines = max(c.peak.Goroutines, n.Goroutines)
	return n
}

// Report prints the result and reports whether all went well and nothing is left.
func (c *Census) Report(out io.Writer, err error) bool {
	after := c.Take()
	// A goroutine whose last deferred call has returned still counts for a moment.
	for deadline := time.Now().Add(time.Second); after.Goroutines > c.before.Goroutines && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
		after = c.Take()
	}
	fmt.Fprintf(out, "\n%-28s %9s %9s %9s\n", "", "before", "at peak", "after")
	row := func(name string, before, peak, after int) {
		fmt.Fprintf(out, "%-28s %9d %9d %9d\n", name, before, peak, after)
	}
	row("owners", c.before.Owners, c.peak.Owners, after.Owners)
	row("connections to signals", c.before.Connections, c.peak.Connections, after.Connections)
	row("cleanups, sockets included", c.before.Cleanups, c.peak.Cleanups, after.Cleanups)
	row("goroutines of the process", c.before.Goroutines, c.peak.Goroutines, after.Goroutines)
	if err != nil {
		fmt.Fprintf(out, "\nerror: %v\n", err)
	}
	if after.Goroutines > c.before.Goroutines || after.Owners+after.Connections+after.Cleanups > 0 {
		fmt.Fprintln(out, "\nsomething is left")
		return false
	}
	fmt.Fprintln(out, "\nnothing left")
	return err == nil
}

// A Branch is an owner in a tree, under the name to be shown.
type Branch struct {
	Owner *tether.Owner
	Name  string
}

// Tree prints root and the branches below it, folded: those that hold the same
// are one line.
func Tree(out io.Writer, root *tether.Owner, branches []Branch) {
	row := func(name string, s tether.Stats) {
		fmt.Fprintf(out, "%-45s %9d %11d %10d\n", name, s.Owners, s.Connections, s.Goroutines)
	}
	row(root.Name(), root.Stats())

	type fold struct {
		stats tether.Stats
		first string
		n     int
	}
	var folds []fold
	for _, b := range branches {
		s := b.Owner.Stats()
		i := slices.IndexFunc(folds, func(f fold) bool { return f.stats == s })
		switch {
		case s.Owners == 0: // has ended
		case i < 0:
			folds = append(folds, fold{s, b.Name, 1})
		default:
			folds[i].n++
		}
	}
	for i, f := range folds {
		line := fmt.Sprintf("├─ %3d × %s", f.n, f.first)
		if i == len(folds)-1 {
			line = strings.Replace(line, "├", "└", 1)
		}
		if f.n > 1 {
			line += " and the like"
		}
		row(line, f.stats)
	}
}
