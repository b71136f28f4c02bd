//go:build tether_explore

package explore

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// modelled is what the deep build adds to package yield.
const modelled = `//go:build tether_explore

package yield

import (
	"os"
	"sync"
)

// A Mutex is one that the explorer can see: a goroutine that waits for it is
// durably blocked, and every Lock is a mark.
type Mutex struct {
	mu   sync.Mutex
	held bool
	free chan struct{} // closed by Unlock; nil while nobody waits
}

func (m *Mutex) Lock() {
	Point("lock")
	for {
		m.mu.Lock()
		if !m.held {
			m.held = true
			m.mu.Unlock()
			return
		}
		if m.free == nil {
			m.free = make(chan struct{})
		}
		free := m.free
		m.mu.Unlock()
		<-free
		Point("lock again")
	}
}

func (m *Mutex) Unlock() {
	m.mu.Lock()
	m.held = false
	if m.free != nil {
		close(m.free)
		m.free = nil
	}
	m.mu.Unlock()
}

var bug = os.Getenv("TETHER_EXPLORE_BUG")

// Bug reports whether the named bug is switched on.
func Bug(name string) bool { return bug == name }
`

// A patch puts text in place of text that stands in the file exactly once.
type patch struct{ file, old, new string }

const (
	scopeGo    = "internal/scope/scope.go"
	teardownGo = "internal/scope/teardown.go"
	waitGo     = "internal/scope/wait.go"
	rosterGo   = "internal/roster/roster.go"
	edgeGo     = "internal/roster/edge.go"
	walkGo     = "internal/roster/walk.go"
	presenceGo = "internal/presence/presence.go"
	queueGo    = "queue.go"
	signalGo   = "signal.go"
)

// mutexes are the files whose mutexes are modelled.
var mutexes = []string{scopeGo, waitGo, rosterGo, edgeGo, queueGo}

// deep has the marks inside critical sections, bugs the planted bugs. What is
// put in may use old text by way of a "$".
var deep = []patch{
	{teardownGo, "\tco.visit(s)\n\ts.down.pending += co.busy\n\tswitch {\n", "\t" + `early := -1
	if yield.Bug("scan before clear") {
		early = presence.Await(s.id.Load())
		yield.Point("cut: looked too early")
	}
	co.visit(s)
	s.down.pending += co.busy
	if early >= 0 {
		s.addLocked(early, early)
		return co
	}
	yield.Point("cut: handlers dead, look")
	switch {
`},
	{teardownGo, "\t\t\t\tn := presence.Await(id)\n", "\t\t\t\tyield.Point(\"cut: mark\")\n$"},
	{rosterGo, "\tb.replaced.Store(true) // before a word of it is cleared\n", "$\tyield.Point(\"replace: flagged\")\n"},
	{rosterGo, "\tr.linkLocked(b.prev, nb, b.next.Load())\n", "\tyield.Point(\"replace: cleared\")\n$"},
	{rosterGo, "\tb.n.Store(i + 1)\n", "\tyield.Point(\"append: written\")\n$"},
	{rosterGo, "\tr.seq.Store(c.seq)\n", "\tyield.Point(\"append: counted\")\n$"},
	{rosterGo, "\tc.state.Store(dead)\n\tb := c.block\n", "$\tyield.Point(\"end: dead, word stands\")\n"},
	{presenceGo, "if s.v.CompareAndSwap(v, v|waited) {", "if marking() && s.v.CompareAndSwap(v, v|waited) {"},
	{presenceGo, "func (s *Slot) Claim(id uint64) bool { return", "$ !yield.Bug(noSlots) &&"},
	{presenceGo, "// Await marks every slot", "const noSlots = \"" + noSlots + "\"\n\nfunc marking() bool { yield.Point(\"await: found\"); return true }\n\n$"},
}

// noSlots switches on what is no bug: no presence slot is ever free, so that all
// calls are counted in their owners instead.
const noSlots = "no slots"

var bugs = []struct {
	name     string
	scenario string // that finds it
	patches  []patch
}{
	{"look before announce", "fire fire destroy", []patch{
		{walkGo, "if w.block.n.Load() > 0 && w.block", "if !yield.Bug(\"look before announce\") && w.block.n.Load() > 0 && w.block"},
		{walkGo, "\tyield.Point(\"fire: announce\")\n", "$\tearly := e.Word()\n\tyield.Point(\"fire: looked too early\")\n"},
		{walkGo, "\tyield.Point(\"fire: announced, look\")\n", "$\tif yield.Bug(\"look before announce\") && early != nil {\n\t\treturn early\n\t}\n"},
	}},
	{"scan before clear", "fire fire destroy", nil}, // above
	{"hold released too early", "fire fire destroy", []patch{
		{teardownGo, "\tyield.Point(\"destroy: cut off\")\n", "$\t" + `if yield.Bug("hold released too early") {
		s.tree.mu.Lock()
		if s.releaseLocked() {
			s.down.pending++ // nothing runs: as it should be
			s.tree.mu.Unlock()
		} else {
			s.tree.mu.Unlock()
			yield.Point("destroy: hold released")
			s.runHeld(co)
			return s.await(false)
		}
	}
`},
	}},
	{"last one out goes home", "self-destroy destroy fire", []patch{
		{scopeGo, "\tyield.Point(\"left: counted\")\n", "$\tif yield.Bug(\"last one out goes home\") {\n\t\treturn\n\t}\n"},
	}},
	{"once without claim", "once fire fire", []patch{
		{signalGo, "\t\tif c.Disconnect() {\n", "\t\tif c.Disconnect() || yield.Bug(\"once without claim\") {\n"},
	}},
	{"old words left", "disconnect fire compact", []patch{
		{rosterGo, "\t\t\tatomic.StorePointer(&e.word, nil)\n", "\t\t\tif !yield.Bug(\"old words left\") {\n\t\t\t\t$\t\t\t}\n"},
	}},
	{"mark lost", "fire fire destroy", []patch{
		{presenceGo, "\treturn s.v.Swap(to)&waited != 0\n", "\tif yield.Bug(\"mark lost\") {\n\t\tv := s.v.Load()\n\t\tyield.Point(\"move: read\")\n\t\ts.v.Store(to)\n\t\treturn v&waited != 0\n\t}\n$"},
	}},
	{"edges overlap", "last leaves, first comes", []patch{
		{edgeGo, "\te.endBefore()\n\tyield.Point(\"edge: open\")\n", "\tif !yield.Bug(\"edges overlap\") {\n\t\te.endBefore()\n\t}\n\tyield.Point(\"edge: open\")\n"},
	}},
	{"circle of goroutines", "mutual destroy in goroutines", []patch{
		{waitGo, "\tif s.waitsFor(gid, ", "\tif !yield.Bug(\"circle of goroutines\") && s.waitsFor(gid, "},
	}},
	{"queue does not look", "queue block destroy", []patch{
		{queueGo, "\tif !l.conn.Callable(l.spent) {", "\tif !yield.Bug(\"queue does not look\") && !l.conn.Callable(l.spent) {"},
	}},
	{"context left to the ancestor", "child destroy parent destroy fire", []patch{ // found here, and mended, in November 2026
		{teardownGo, "\tif s.cancel != nil { // if not", "\tif s.cancel != nil && (fresh || !yield.Bug(\"context left to the ancestor\")) { // if not"},
	}},
	{"waits in a handler", "mutual destroy in handlers", []patch{
		{waitGo, "\tif inCall {\n", "\tif inCall && !yield.Bug(\"waits in a handler\") {\n"},
	}},
}

var mutexField = regexp.MustCompile(`(?m)^(\s*mu\s+)sync\.Mutex\b`)

// deepBuild compiles this package's tests with the overlay and returns the
// binary.
func deepBuild(t *testing.T) string {
	t.Helper()
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string)
	text := func(file string) string {
		if s, ok := texts[file]; ok {
			return s
		}
		b, err := os.ReadFile(filepath.Join(top, file))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	patches := deep
	for _, b := range bugs {
		patches = append(patches[:len(patches):len(patches)], b.patches...)
	}
	for _, p := range patches {
		s := text(p.file)
		if n := strings.Count(s, p.old); n != 1 {
			t.Fatalf("%s has %d times, not once, what a patch of the deep build replaces; bring it up to date:\n%s", p.file, n, p.old)
		}
		texts[p.file] = strings.Replace(s, p.old, strings.ReplaceAll(p.new, "$", p.old), 1)
	}
	for _, file := range mutexes {
		s := text(file)
		if !mutexField.MatchString(s) {
			t.Fatalf("%s has no mutex to model", file)
		}
		texts[file] = mutexField.ReplaceAllString(s, "${1}yield.Mutex") + "\nvar _ sync.Mutex\n"
	}
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	const imported = "\t\"github.com/seed-ec287111/tether/internal/yield\"\n"
	texts["internal/yield/deep.go"] = modelled
	for file, s := range texts {
		if !strings.Contains(s, imported) && s != modelled {
			s = strings.Replace(s, "import (\n", "import (\n"+imported, 1)
		}
		path := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(top, file)] = path
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, b, 0o600); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "deep.test")
	cmd := exec.Command("go", "test", "-c", "-tags", "tether_explore", "-overlay", list, "-o", bin, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return bin
}

// exploreDeep runs TestExplore of a deep build.
func exploreDeep(bin, scenario, bug string, args ...string) (out string, err error) {
	run := "^TestExplore$"
	if scenario != "" {
		run += "/^" + regexp.QuoteMeta(strings.ReplaceAll(scenario, " ", "_")) + "$"
	}
	cmd := exec.Command(bin, append([]string{"-test.v", "-test.timeout=10m", "-test.run=" + run, "-explore.deep"}, args...)...)
	cmd.Env = append(os.Environ(), "TETHER_EXPLORE_BUG="+bug)
	b, err := cmd.CombinedOutput()
	return string(b), err
}
