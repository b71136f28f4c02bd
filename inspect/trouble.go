package inspect

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/outline"
	"github.com/seed-ec287111/tether/internal/scope"
)

const (
	// long is how long something must grow or be full to be grave; arbitrary. A program that
	// has just begun grows too.
	long = 30 * time.Second
	// recent is for how long a queue that has dropped a value counts as trouble.
	recent = 30 * time.Second
)

// A Trouble is something that is wrong, or looks so.
type Trouble struct {
	// Kind is one of
	//
	//	"lost"      root owners became garbage without having been destroyed
	//	"stuck"     a handler does not return
	//	"teardown"  a teardown does not complete
	//	"full"      a queue is full, or holds calls of Fire
	//	"drops"     a queue drops values
	//	"grows"     there is more and more of something
	Kind  string    `json:"kind"`
	Grave bool      `json:"grave"` // if false, it may be as it should be
	Owner string    `json:"owner"` // path, as [tether.Owner.String] has it; digits are folded if there are several
	Where Place     `json:"where"` // the function or call to look at; unknown if that is not clear
	What  string    `json:"what"`  // what there are Count of
	Count int       `json:"count"`
	Grown int       `json:"grown,omitempty"` // by how much it has grown, or how many values were dropped, since Since
	Text  string    `json:"text,omitempty"`  // more about it
	Since time.Time `json:"since"`
	Last  time.Time `json:"last,omitzero"` // when it last was, if it is over

	Stack   string           `json:"-"` // the stack of a handler, or of what a teardown waits for
	Running []tether.Running `json:"-"` // what a teardown waits for

	Key uint64 `json:"-"` // differs from that of other trouble, in all surveys of a monitor
}

// String says what is wrong, in one line.
func (t Trouble) String() string {
	var b strings.Builder
	switch t.Kind {
	case "lost":
		fmt.Fprintf(&b, "lost: %s, %d times", t.Owner, t.Count)
		if t.Text != "" {
			b.WriteString(", " + t.Text)
		}
	case "grows":
		fmt.Fprintf(&b, "grows: %d × %s", t.Count, t.What)
		if t.Owner != "" {
			fmt.Fprintf(&b, " of %s", t.Owner)
		}
		fmt.Fprintf(&b, ", %d more than at first", t.Grown)
	case "stuck", "teardown":
		fmt.Fprintf(&b, "stuck: %s of %s", t.What, t.Owner)
		if t.Count > 1 {
			fmt.Fprintf(&b, " and %d more", t.Count-1)
		}
	default:
		fmt.Fprintf(&b, "%s: %s of %s", t.Kind, t.What, t.Owner)
		if t.Count > 1 {
			fmt.Fprintf(&b, " and %d more", t.Count-1)
		}
		if t.Text != "" {
			b.WriteString(", " + t.Text)
		}
	}
	if t.Where != (Place{}) {
		fmt.Fprintf(&b, ", %v", t.Where)
	}
	return b.String()
}

// rank orders troubles by what to look at first.
func rank(t Trouble) int {
	n := strings.Index("stuck teardown full lost grows drops", t.Kind)
	if !t.Grave {
		n += 100
	}
	return n
}

// A strain is the history of a queue that was full or has dropped values.
type strain struct {
	look    int       // the last look at which it was there
	full    int       // looks in a row at which it was full
	filled  time.Time // the first of these
	dropped uint64    // its count at the last look
	before  uint64    // its count when it began to drop
	began   time.Time // when that was
	last    time.Time // the last look at which it had dropped more
}

// A tension has the troubles of one look with queues, by what a reader sees of them.
type tension map[tensionKey]*Trouble

type tensionKey struct {
	f     *fold
	kind  string
	where Place
	what  string
}

// queueSeen enters a queue of s. It is called under locks.
func (m *Monitor) queueSeen(all tension, f *fold, s *scope.Scope, d scope.Detail) {
	full := d.Len >= d.Capacity && d.Capacity > 0 || d.Held > 0
	t := m.queues[d.Number]
	if t == nil {
		if !full && d.Dropped == 0 || len(m.queues) >= mostQueues {
			return
		}
		t = new(strain)
		if m.looks == 1 {
			t.dropped = d.Dropped // when nobody knows; else since the last look, at which it had dropped none
		}
		m.queues[d.Number] = t
	}
	t.look = m.looks
	if !full {
		t.full = 0
	} else if t.full++; t.full == 1 {
		t.filled = m.now
	}
	if d.Dropped > t.dropped {
		if m.now.Sub(t.last) > recent {
			t.before, t.began = t.dropped, m.now
		}
		t.dropped, t.last = d.Dropped, m.now
	}
	drops := m.now.Sub(t.last) <= recent
	switch {
	case t.full >= 2:
		m.enter(all, f, d, Trouble{Kind: "full", Since: t.filled, Grave: d.Held > 0 && m.now.Sub(t.filled) >= m.watch.limit || d.Overflow == "Block" && m.now.Sub(t.filled) >= long}, s)
	case drops:
		m.enter(all, f, d, Trouble{Kind: "drops", Since: t.began, Grown: int(t.dropped - t.before)}, s)
	}
}

func (m *Monitor) enter(all tension, f *fold, d scope.Detail, t Trouble, s *scope.Scope) {
	q := queueOf(d)
	switch {
	case q.Running != (Place{}):
		t.Where = q.Running
	case len(q.Handlers) > 0:
		t.Where = q.Handlers[0]
	default:
		t.Where = q.Made
	}
	k := tensionKey{f, t.Kind, t.Where, capacity(d.Capacity) + " " + d.Overflow}
	t.What = "queue " + k.what
	if old := all[k]; old != nil {
		old.Count++
		old.Grown += t.Grown
		old.Grave = old.Grave || t.Grave
		if t.Since.Before(old.Since) {
			old.Since = t.Since
		}
		return
	}
	t.Count = 1
	t.Owner = s.String()
	t.Text = fmt.Sprintf("%d pending, %d dropped", d.Len, d.Dropped)
	if d.Held > 0 {
		t.Text += ", " + outline.Count(d.Held, "held Fire")
	}
	all[k] = &t
}

// strained returns the trouble with queues. The folds are finished: their keys are known.
// If the look has lost sight of owners, the queues that it has not seen are remembered.
func (m *Monitor) strained(all tension, lost bool) (found []Trouble) {
	for k, t := range all {
		t.Key = (mix(mix(mix(offset, t.Kind), t.What), t.Where.String()) ^ k.f.Key) * prime
		found = append(found, *t)
	}
	for k, t := range m.queues {
		if t.look != m.looks && !lost {
			delete(m.queues, k)
		}
	}
	return found
}

// parsePlace reads "name (file:line)".
func parsePlace(text string) Place {
	name, rest, ok := strings.Cut(text, " (")
	pos, end := strings.CutSuffix(rest, ")")
	i := strings.LastIndexByte(pos, ':')
	line, err := strconv.Atoi(pos[i+1:])
	if !ok || !end || i < 0 || err != nil {
		return Place{Name: text}
	}
	return Place{name, pos[:i], line}
}
