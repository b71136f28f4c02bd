package litmus

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const bugVariable = "TETHER_LITMUS_BUG"

// switches is what the build with bugs adds to package yield.
const switches = `package yield

import "os"

// Planted is the name of the bug that is switched on.
var Planted = os.Getenv("` + bugVariable + `")
`

// A patch puts text in place of text that stands in the file exactly once. In
// the new text BUG is true where the bug is switched on, and a "$" is the old.
type patch struct{ file, old, new string }

const (
	scopeGo    = "internal/scope/scope.go"
	teardownGo = "internal/scope/teardown.go"
	cleanupGo  = "internal/scope/cleanup.go"
	taskGo     = "internal/scope/task.go"
	rosterGo   = "internal/roster/roster.go"
	edgeGo     = "internal/roster/edge.go"
	walkGo     = "internal/roster/walk.go"
	presenceGo = "internal/presence/presence.go"
	queueGo    = "queue.go"
	signalGo   = "signal.go"
)

// bugs are what somebody could write in good faith, each one narrow.
var bugs = []struct {
	name    string
	finds   string // the test that does
	patches []patch
}{
	{"no scan", "Fire, Destroy", []patch{
		{teardownGo, "\tcase !co.announced:\n", "\tcase !co.announced || BUG:\n"},
	}},
	{"scan before the words are cleared", "Fire, Destroy", []patch{
		{teardownGo, "\tco.visit(s)\n", "\tearly := 0\n\tif BUG {\n\t\tearly = presence.Await(s.id.Load())\n\t}\n$"},
		{teardownGo, "\tcase co.scopes == 1:", "\tcase BUG:\n\t\tif early > 0 {\n\t\t\ts.addLocked(early, early)\n\t\t}\n$"},
	}},
	{"word not read again", "Fire that unwinds one owner, Destroy of the next", []patch{
		{signalGo, "\t\t\t\t\thandler = w.Announce(last, e, i)\n", "\t\t\t\t\tearly := handler\n$\t\t\t\t\tif BUG && early != nil {\n\t\t\t\t\t\thandler = early\n\t\t\t\t\t}\n"},
	}},
	{"word not read again after a switch", "Fire, Destroy of one of three owners", []patch{
		{signalGo, "\t\t\t\t\tif handler = e.Word(); handler == nil {\n", "\t\t\t\t\tif early := handler; BUG {\n\t\t\t\t\t\thandler = early\n\t\t\t\t\t} else if handler = e.Word(); handler == nil {\n"},
	}},
	{"mark read, then the slot written", "Fire, Destroy", []patch{
		{presenceGo, "s.v.Swap(to)", "s.leave(BUG, to)"},
		{presenceGo, "// Present appends the ids", "func (s *Slot) leave(bug bool, to uint64) uint64 {\n\tif bug {\n\t\tv := s.v.Load()\n\t\ts.v.Store(to)\n\t\treturn v\n\t}\n\treturn s.v.Swap(to)\n}\n\n$"},
	}},
	{"slot read, then the mark written", "Fire, Destroy", []patch{
		{presenceGo, "s.v.CompareAndSwap(v, v|waited)", "(s.v.CompareAndSwap(v, v|waited) || BUG && s.mark(v))"},
		{presenceGo, "// Present appends the ids", "// mark makes a failed compare-and-swap a store.\nfunc (s *Slot) mark(id uint64) bool { s.v.Store(id | waited); return true }\n\n$"},
	}},
	{"counted calls ignored", "Fire, Destroy in a crowd", []patch{
		{teardownGo, " += int(s.busy)\n", " += int(s.busy) - map[bool]int{BUG: int(s.calls)}[true]\n"},
	}},
	{"old words left", "Fire, five times Connect and Destroy", []patch{
		{rosterGo, "\t\t\tatomic.StorePointer(&e.word, nil)\n", "\t\t\tif !BUG {\n\t$\t\t\t}\n"},
	}},
	{"once looks, then disconnects", "Once: Fire, Fire", []patch{
		{signalGo, "\t\tif c.Disconnect() {\n", "\t\tif BUG && c.Connected() {\n\t\t\tc.Disconnect()\n\t\t\thandler(v)\n\t\t} else if c.Disconnect() {\n"},
	}},
	{"attach looks before it locks", "Connect then Fire, Destroy", []patch{
		{scopeGo, "link func() bool) bool {\n\ts.mu.Lock()\n", "link func() bool) bool {\n\tearly := s.Alive()\n\ts.mu.Lock()\n"},
		{scopeGo, "\tif !s.Alive() || link != nil && !link() {", "\tif !s.Alive() && !(BUG && early) || link != nil && !link() {"},
	}},
	{"attach looks before it locks", "Go, Destroy", nil}, // as above
	{"defer looks before it locks", "Defer, Destroy", []patch{
		{cleanupGo, "func (s *Scope) register(c *cleanup) {\n\ts.mu.Lock()\n\tif s.state.Load() < unwinding {\n", "func (s *Scope) register(c *cleanup) {\n\tearly := s.state.Load()\n\ts.mu.Lock()\n\tif s.state.Load() < unwinding || BUG && early < unwinding {\n"},
	}},
	{"second Destroy does not wait", "Destroy, Destroy", []patch{
		{teardownGo, "\tcase s.down != nil:\n\t\ts.tree.mu.Unlock()\n\t\treturn s.await(false)\n", "\tcase s.down != nil:\n\t\ts.tree.mu.Unlock()\n\t\tif BUG {\n\t\t\treturn s.Err()\n\t\t}\n\t\treturn s.await(false)\n"},
	}},
	{"child's teardown does not count", "Destroy of child, Destroy of parent", []patch{
		{teardownGo, "\tif s.parent != nil {\n\t\ts.parent.addLocked(1, 0)\n", "\tif s.parent != nil && !BUG {\n\t\ts.parent.addLocked(1, 0)\n"},
		{teardownGo, "case s.down != nil: // it was counted in the parent", "case s.down != nil && !BUG: // it was counted in the parent"},
	}},
	{"list dropped outside the lock", "Connect, DisconnectAll", []patch{
		{rosterGo, "\tr.head.Store(nil)\n", "\tif BUG {\n\t\tr.mu.Unlock()\n\t\tr.head.Store(nil)\n\t\tr.mu.Lock()\n\t} else {\n\t$\t}\n"},
	}},
	{"replaced before it is filled", "Connect then Fire, Fire", []patch{
		{rosterGo, "\tb.replaced.Store(true) // before a word of it is cleared\n", "\tif BUG {\n\t\tr.linkLocked(b.prev, nb, b.next.Load())\n\t}\n$"},
	}},
	{"edges overlap", "WhileActive: last leaves, first comes", []patch{
		{edgeGo, "\te.endBefore()\n\tyield.Point(\"edge: open\")\n", "\tif !BUG {\n\t\te.endBefore()\n\t}\n\tyield.Point(\"edge: open\")\n"},
	}},
	{"word cleared late by Mute", "Fire, Mute then Fire, unmute then Fire", []patch{
		{rosterGo, "\t\tc.extra.word = atomic.SwapPointer(&c.block.entries[c.index].word, nil)\n", "\t\tif p := &c.block.entries[c.index].word; BUG {\n\t\t\tc.extra.word = atomic.LoadPointer(p)\n\t\t\tgo atomic.StorePointer(p, nil)\n\t\t\treturn\n\t\t}\n$"},
	}},
	{"word cleared late by Disconnect", "Fire, Disconnect then Fire", []patch{
		{rosterGo, "\tatomic.StorePointer(&b.entries[c.index].word, nil)\n", "\tif p := &b.entries[c.index].word; BUG {\n\t\tgo atomic.StorePointer(p, nil)\n\t} else {\n\t$\t}\n"},
	}},
	{"stop does not ask the timer", "AfterFunc: stop, firing", []patch{
		{taskGo, "t.state != waiting || !t.timer.Stop() {\n", "t.state != waiting || !t.timer.Stop() {\n\t\tif BUG && t.state == running {\n\t\t\treturn true\n\t\t}\n"},
	}},
	{"queue does not look", "queue, DropOldest: Fire, Destroy of the connection's owner", []patch{
		{queueGo, "\tif !l.conn.Callable(l.spent) {", "\tif !BUG && !l.conn.Callable(l.spent) {"},
	}},
	{"value in hand not counted", "queue, Block: Fire, Destroy of the queue's owner", []patch{
		{queueGo, "\t\tq.hand, q.waiting = place{}, false\n\t\tq.dropped++\n", "$\t\tif BUG {\n\t\t\tq.dropped--\n\t\t}\n"},
	}},
	{"held firer not let go", "queue, Block: Fire, Destroy of the connection's owner", []patch{
		{queueGo, "\tq.room.Broadcast()\n}\n\n// die is told", "\tif !BUG {\n\t\tq.room.Broadcast()\n\t}\n}\n\n// die is told"},
	}},
}

var placeholder = regexp.MustCompile(`\bBUG\b`)

// buildWithBugs compiles this package's tests, and under them the library with
// all bugs in it, switched off, and returns the binary.
func buildWithBugs(t *testing.T) string {
	t.Helper()
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string)
	for _, b := range bugs {
		for _, p := range b.patches {
			s, ok := texts[p.file]
			if !ok {
				raw, err := os.ReadFile(filepath.Join(top, p.file))
				if err != nil {
					t.Fatal(err)
				}
				s = strings.Replace(string(raw), "import (\n", "import (\n\tplant \"github.com/seed-ec287111/tether/internal/yield\"\n", 1)
			}
			if n := strings.Count(s, p.old); n != 1 {
				t.Fatalf("bug %q: %s has %d times, not once, the text below; bring the patch up to date:\n%s", b.name, p.file, n, p.old)
			}
			text := strings.ReplaceAll(p.new, "$", p.old)
			text = placeholder.ReplaceAllLiteralString(text, fmt.Sprintf("(plant.Planted == %q)", b.name))
			texts[p.file] = strings.Replace(s, p.old, text, 1)
		}
	}
	texts["internal/yield/planted.go"] = switches
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for file, s := range texts {
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
	bin := filepath.Join(dir, "litmus.test")
	if out, err := exec.Command("go", "test", "-c", "-overlay", list, "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return bin
}

var verdict = regexp.MustCompile(`FORBIDDEN after (\d+) rounds: .*|FORBIDDEN: .*round (\d+) hangs|fatal error: .*|panic: .*`)

// TestPlantedBugs shows that each test can fail, within 200 000 rounds.
func TestPlantedBugs(t *testing.T) {
	if os.Getenv(bugVariable) != "" {
		t.Skip("in the build with bugs itself")
	}
	if plan().Procs < 2 {
		t.Skip("parts do not overlap on one core")
	}
	bin := buildWithBugs(t)
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			run := "^TestLitmus$/^" + regexp.QuoteMeta(strings.ReplaceAll(b.finds, " ", "_")) + "$"
			cmd := exec.Command(bin, "-test.v", "-test.timeout=3m", "-test.run="+run, "-litmus.rounds=200000", "-litmus.limit=2m", "-litmus.stuck=3s")
			cmd.Env = append(os.Environ(), bugVariable+"="+b.name)
			out, err := cmd.CombinedOutput()
			what := verdict.FindString(string(out))
			if err == nil || what == "" {
				t.Fatalf("%s did not find it: %v\n%s", b.finds, err, out)
			}
			t.Logf("%s: %s", b.finds, what)
		})
	}
}
