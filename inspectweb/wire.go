package inspectweb

import (
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

// What follows is how things are sent. Keys and numbers of owners are text, as they don't fit
// the numbers of a browser. Names and paths are quoted where tether.Owner.String quotes them,
// and cut where they are very long.

// longest is how many bytes of a name or path are sent.
const longest = 400

func short(s string) string {
	if len(s) <= longest {
		return s
	}
	const part = longest / 2
	return strings.ToValidUTF8(s[:part], "") + "…" + strings.ToValidUTF8(s[len(s)-part:], "")
}

type key uint64

func (k key) MarshalText() ([]byte, error) { return []byte(strconv.FormatUint(uint64(k), 36)), nil }

func parseKey(s string) (key, bool) {
	n, err := strconv.ParseUint(s, 36, 64)
	return key(n), err == nil
}

// A place is where to look: "main.join", "join.go:77", and both in full.
type place struct {
	Name string `json:"name,omitempty"`
	Pos  string `json:"pos,omitempty"`
	Full string `json:"full,omitempty"`
}

func placeOf(p inspect.Place) *place {
	if p == (inspect.Place{}) {
		return nil
	}
	name, types, generic := strings.Cut(p.Name, "[")
	name = name[strings.LastIndexByte(name, '/')+1:]
	if generic {
		name += "[" + types
	}
	w := &place{Name: short(name), Full: short(p.String())}
	if p.File != "" {
		w.Pos = path.Base(strings.ReplaceAll(p.File, `\`, "/")) + ":" + strconv.Itoa(p.Line)
	}
	return w
}

// A sample is the numbers of one look: milliseconds since 1970, and then as in names.
type sample [11]uint64

// names has what each number of a sample is.
var names = [len(sample{})]string{
	"at", "owners", "connections", "goroutines", "timers", "cleanups", "handlers", "queued", "dropped", "heap", "goroutines of the program",
}

func sampleOf(s *inspect.Survey) sample {
	t := s.Total
	return sample{
		uint64(s.At.UnixMilli()), uint64(t.Owners), uint64(t.Connections), uint64(t.Goroutines), uint64(t.Timers),
		uint64(t.Cleanups), uint64(t.Handlers), uint64(t.Queued), t.Dropped, s.Heap, uint64(runtime.NumGoroutine()),
	}
}

// A hello is the first event of a stream.
type hello struct {
	Boot    string   `json:"boot"`
	Title   string   `json:"title"`
	PID     int      `json:"pid"`
	Go      string   `json:"go"`
	Stuck   int64    `json:"stuck"` // milliseconds
	Names   []string `json:"names"`
	History []sample `json:"history"`
}

func (h *hub) helloLocked() hello {
	return hello{h.boot, short(h.title), os.Getpid(), runtime.Version(), h.stuck.Milliseconds(), names[:], append([]sample{}, h.history...)}
}

// A look is what a page gets at each look.
type look struct {
	Now     sample    `json:"now"`
	Took    float64   `json:"took"`  // milliseconds
	Every   int64     `json:"every"` // milliseconds until the next one
	Looked  int       `json:"looked"`
	Partial bool      `json:"partial,omitempty"`
	Trouble []trouble `json:"trouble"`
	Groups  []group   `json:"groups"`
}

func lookOf(s *inspect.Survey) look {
	l := look{
		Now: sampleOf(s), Took: float64(s.Took.Microseconds()) / 1000, Every: pause(s.Took).Milliseconds(),
		Looked: s.Looked, Partial: s.Partial, Trouble: []trouble{}, Groups: groupsOf(s, mostListed, 2),
	}
	for _, t := range s.Trouble {
		l.Trouble = append(l.Trouble, troubleOf(t))
	}
	return l
}

type trouble struct {
	Key   key    `json:"key"`
	Kind  string `json:"kind"`
	Grave bool   `json:"grave"`
	Owner string `json:"owner"`
	Where *place `json:"where"`
	What  string `json:"what"`
	Count int    `json:"count"`
	Grown int    `json:"grown"`
	Text  string `json:"text"`
	Since int64  `json:"since"`
	Last  int64  `json:"last,omitempty"`
	More  bool   `json:"more"` // there is a stack, or what is waited for
}

func troubleOf(t inspect.Trouble) trouble {
	w := trouble{
		key(t.Key), t.Kind, t.Grave, short(t.Owner), placeOf(t.Where), short(t.What), t.Count, t.Grown, t.Text,
		t.Since.UnixMilli(), 0, t.Stack != "" || len(t.Running) > 0,
	}
	if !t.Last.IsZero() {
		w.Last = t.Last.UnixMilli()
	}
	return w
}

type group struct {
	Owner string `json:"owner"`
	Kind  string `json:"kind"`
	What  string `json:"what"`
	Func  *place `json:"func"`
	Count int    `json:"count"`
	Grown int    `json:"grown"`
}

// groupsOf returns the most largest groups that have least members.
func groupsOf(s *inspect.Survey, most, least int) []group {
	all := []group{}
	for _, g := range s.Groups {
		if len(all) == most || g.Count < least {
			break
		}
		all = append(all, group{short(g.Owner), g.Kind, short(g.What), placeOf(g.Func), g.Count, g.Grown})
	}
	return all
}

type hold struct {
	Kind  string `json:"kind"`
	What  string `json:"what"`
	Func  *place `json:"func"`
	Count int    `json:"count"`
	About bool   `json:"about,omitempty"`
	Queue *queue `json:"queue,omitempty"`
}

type queue struct {
	Len      int      `json:"len"`
	Capacity int      `json:"capacity"` // of all together; 0: unbounded
	Taken    uint64   `json:"taken"`
	Dropped  uint64   `json:"dropped"`
	Held     int      `json:"held"`
	Flags    string   `json:"flags,omitempty"`
	Handlers []*place `json:"handlers,omitempty"`
	Running  *place   `json:"running,omitempty"`
}

func holdsOf(all []inspect.Hold) []hold {
	list := []hold{}
	for _, h := range all {
		w := hold{Kind: h.Kind, What: short(h.What), Func: placeOf(h.Func), Count: h.Count, About: h.About}
		if h.Kind == "queue" {
			q := h.Queue
			w.Queue = &queue{Len: q.Len, Taken: q.Taken, Dropped: q.Dropped, Held: q.Held, Running: placeOf(q.Running)}
			if n := q.Capacity * h.Count; q.Capacity < tether.Unbounded && n/h.Count == q.Capacity { // else there is no bound
				w.Queue.Capacity = n
			}
			for _, p := range q.Handlers {
				w.Queue.Handlers = append(w.Queue.Handlers, placeOf(p))
			}
			if q.Manual {
				w.Queue.Flags = "manual"
			} else if q.Finish {
				w.Queue.Flags = "finish"
			}
		}
		list = append(list, w)
	}
	return list
}

type totals struct {
	Owners      int    `json:"owners"`
	Connections int    `json:"connections"`
	Goroutines  int    `json:"goroutines"`
	Timers      int    `json:"timers"`
	Cleanups    int    `json:"cleanups"`
	Handlers    int    `json:"handlers"`
	Queued      int    `json:"queued"`
	Dropped     uint64 `json:"dropped"`
}

func totalsOf(t inspect.Totals) totals {
	return totals{t.Owners, t.Connections, t.Goroutines, t.Timers, t.Cleanups, t.Handlers, t.Queued, t.Dropped}
}

// A fold is a line of the tree.
type fold struct {
	Key    key    `json:"key"`
	Name   string `json:"name"`
	Note   string `json:"note,omitempty"`
	Rest   bool   `json:"rest,omitempty"`
	Made   *place `json:"made"`
	Owners int    `json:"owners"`
	Dead   int    `json:"dead,omitempty"`
	Held   int    `json:"held,omitempty"`
	Total  totals `json:"total"`
	Open   bool   `json:"open,omitempty"`
	Has    bool   `json:"has"` // something to open
	Holds  []hold `json:"holds,omitempty"`
	Below  []fold `json:"below,omitempty"`
}

// folder makes folds, as long as there is room for lines.
type folder struct {
	open func(*inspect.Fold) bool
	room int
	cut  bool // there was no room
}

func (d *folder) all(folds []*inspect.Fold) []fold {
	list := []fold{}
	for _, f := range folds {
		if d.room <= 0 {
			d.cut = true
			break
		}
		d.room--
		list = append(list, d.one(f))
	}
	return list
}

func (d *folder) one(f *inspect.Fold) fold {
	w := fold{
		Key: key(f.Key), Name: short(f.Name), Note: f.Note, Rest: f.Rest, Made: placeOf(f.Made), Owners: f.Owners,
		Dead: f.Dead, Held: f.Held, Total: totalsOf(f.Total), Has: len(f.Below) > 0 || len(f.Holds) > 0 || f.Owners > 1,
	}
	if d.open(f) {
		w.Open = true
		w.Holds = holdsOf(f.Holds)
		d.room -= len(w.Holds)
		w.Below = d.all(f.Below)
	}
	return w
}

// A brief is one owner.
type brief struct {
	ID       key    `json:"id"`
	Owner    string `json:"owner"`
	Name     string `json:"name"`
	State    string `json:"state"`
	Note     string `json:"note,omitempty"`
	Made     *place `json:"made"`
	Children int    `json:"children"`
	Numbers  totals `json:"numbers"` // of what it holds itself
}

func briefOf(b inspect.Brief) brief {
	return brief{
		key(b.ID), short(b.Owner), short(b.Name), b.State, b.Note, placeOf(b.Made), b.Children,
		totals{Connections: b.Connections, Goroutines: b.Goroutines, Timers: b.Timers, Cleanups: b.Cleanups, Handlers: b.Handlers},
	}
}

// ago says how long ago t was, for people.
func ago(t time.Time) string { return time.Since(t).Round(time.Second).String() }
