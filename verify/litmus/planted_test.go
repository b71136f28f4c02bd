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
	cutoffGo    = "internal/scope/cutoff.go"
	destroyGo   = "internal/scope/destroy.go"
	memberGo    = "internal/scope/member.go"
	cleanupGo   = "internal/scope/cleanup.go"
	taskGo      = "internal/scope/task.go"
	timerGo     = "internal/scope/timer.go"
	waitGo      = "internal/scope/wait.go"
	listGo      = "internal/connlist/list.go"
	blockGo     = "internal/connlist/block.go"
	muteGo      = "internal/connlist/mute.go"
	fireGo      = "internal/connlist/fire.go"
	activityGo  = "internal/connlist/activity.go"
	inflightGo  = "internal/inflight/inflight.go"
	queueEndGo  = "queue_end.go"
	queueConnGo = "queue_conn.go"
	queueRunGo  = "queue_run.go"
	beatGo      = "heartbeat.go"
	connectGo   = "signal_connect.go"
)

// bugs are what somebody could write in good faith, each one narrow.
var bugs = []struct {
	name    string
	finds   string // the test that does
	patches []patch
}{
	{"no scan", "Fire, Destroy", []patch{
		{cutoffGo, "\tif co.announced && co.scopes == 1 { // one", "\tif !BUG && co.announced && co.scopes == 1 { // one"},
	}},
	{"scan before the words are cleared", "Fire, Destroy", []patch{
		{cutoffGo, "\tco.cut(s)\n\tmarked := 0\n", "\tmarked := 0\n\tif id := s.id.Load(); BUG && id != 0 {\n\t\tmarked = inflight.Await(id)\n\t}\n\tco.cut(s)\n"},
		{cutoffGo, "co.announced && co.scopes == 1 { // one", "!BUG && $"},
	}},
	{"word not read again", "Fire that unwinds one owner, Destroy of the next, in a second block", []patch{
		{fireGo, "\tfor e := f.entry(); e != nil; e = f.entry() {\n", "$\t\tearly := e.load()\n"},
		{fireGo, "\t\thandler := e.load()\n\t\tif handler == nil {\n\t\t\tf.pass(e)\n", "\t\thandler := e.load()\n\t\tif BUG {\n\t\t\thandler = early\n\t\t}\n\t\tif handler == nil {\n\t\t\tf.pass(e)\n"},
	}},
	{"mark read, then the slot written", "Fire, Destroy", []patch{
		{inflightGo, "s.v.Swap(to)", "s.leave(BUG, to)"},
		{inflightGo, "// Announced appends the ids", "func (s *Slot) leave(bug bool, to uint64) uint64 {\n\tif bug {\n\t\tv := s.v.Load()\n\t\ts.v.Store(to)\n\t\treturn v\n\t}\n\treturn s.v.Swap(to)\n}\n\n$"},
	}},
	{"slot read, then the mark written", "Fire, Destroy", []patch{
		{inflightGo, "s.v.CompareAndSwap(v, v|waited)", "(s.v.CompareAndSwap(v, v|waited) || BUG && s.mark(v))"},
		{inflightGo, "// Announced appends the ids", "// mark makes a failed compare-and-swap a store.\nfunc (s *Slot) mark(id uint64) bool { s.v.Store(id | waited); return true }\n\n$"},
	}},
	{"counted calls ignored", "Fire, Destroy in a crowd", []patch{
		{cutoffGo, "\tco.busy += int(s.busy)\n", "\tco.busy += int(s.busy) - map[bool]int{BUG: int(s.calls)}[true]\n"},
	}},
	{"old words left", "Fire, five times Connect and Destroy", []patch{
		{blockGo, "\t\t\tatomic.StorePointer(&e.word, nil)\n", "\t\t\tif !BUG {\n\t$\t\t\t}\n"},
	}},
	{"no seek", "Connect then Fire, Fire", []patch{
		{fireGo, "\tif c.block.replaced.Load() && e.load() == nil {\n", "\tif !BUG && c.block.replaced.Load() && e.load() == nil {\n"},
	}},
	{"flagged after the words", "Connect then Fire, Fire", []patch{
		{blockGo, "\tb.replaced.Store(true) // before a word of it is cleared\n", "\tif !BUG {\n\t$\t}\n"},
		{blockGo, "\treturn nb\n}\n\n// replaceLocked", "\tb.replaced.Store(true)\n$"},
	}},
	{"once looks, then disconnects", "Once: Fire, Fire", []patch{
		{connectGo, "\t\tif c.conn.Claim() {\n", "\t\tif BUG && c.Connected() {\n\t\t\tc.Disconnect()\n\t\t\thandler(v)\n\t\t} else if c.conn.Claim() {\n"},
	}},
	{"attach looks before it locks", "Connect then Fire, Destroy", []patch{
		{memberGo, "link func() bool) bool {\n\ts.mu.Lock()\n", "link func() bool) bool {\n\tearly := s.Alive()\n\ts.mu.Lock()\n"},
		{memberGo, "\tif !s.Alive() || link != nil && !link() {", "\tif !s.Alive() && !(BUG && early) || link != nil && !link() {"},
	}},
	{"attach looks before it locks", "Go, Destroy", nil}, // as above
	{"defer looks before it locks", "Defer, Destroy", []patch{
		{cleanupGo, "func (s *Scope) register(c *cleanup) {\n\ts.mu.Lock()\n\tif s.state.Load() < unwinding {\n", "func (s *Scope) register(c *cleanup) {\n\tearly := s.state.Load()\n\ts.mu.Lock()\n\tif s.state.Load() < unwinding || BUG && early < unwinding {\n"},
	}},
	{"second Destroy does not wait", "Destroy, Destroy", []patch{
		{destroyGo, "\ts.destroyNow(ErrDestroyed, false, inside)\n", "\tif BUG && !s.Alive() {\n\t\treturn s.Err()\n\t}\n$"},
	}},
	{"child's teardown does not count", "Destroy of child, Destroy of parent", []patch{
		{cutoffGo, "\t\tco.from.waitForLocked(t)\n", "\t\tif !BUG {\n\t$\t\t}\n"},
		{cutoffGo, "\t\tt.waitForLocked(below)\n", "\t\tif !BUG {\n\t$\t\t}\n"},
	}},
	{"list dropped outside the lock", "Connect, DisconnectAll", []patch{
		{listGo, "\tl.clearLocked()\n", "\tif BUG {\n\t\tl.mu.Unlock()\n\t\tl.clearLocked()\n\t\tl.mu.Lock()\n\t} else {\n\t$\t}\n"},
	}},
	{"taken out before the copy is in", "Connect then Fire, Fire", []patch{
		{blockGo, "\tl.linkLocked(b, nb)\n\tl.unlinkLocked(b)\n", "\tif before := b.prev; BUG {\n\t\tl.unlinkLocked(b)\n\t\tl.linkLocked(before, nb)\n\t\treturn\n\t}\n$"},
	}},
	{"edges overlap", "WhileActive: last leaves, first comes", []patch{
		{activityGo, "\tbefore.end()", "\tif !BUG {\n\t\tbefore.end()\n\t}"},
	}},
	{"two calls at once", "WhileActive: first comes, all leave and another comes", []patch{
		{activityGo, "\tif a.busy {\n", "\tif a.busy && !BUG {\n"},
	}},
	{"word cleared late by Mute", "Fire, Mute then Fire, unmute then Fire", []patch{
		{muteGo, "\t\tc.hooks.word = atomic.SwapPointer(&c.block.entries[c.index].word, nil)\n", "\t\tif p := &c.block.entries[c.index].word; BUG {\n\t\t\tc.hooks.word = atomic.LoadPointer(p)\n\t\t\tgo atomic.StorePointer(p, nil)\n\t\t\treturn\n\t\t}\n$"},
	}},
	{"word cleared late by Disconnect", "Fire, Disconnect then Fire", []patch{
		{listGo, "\tatomic.StorePointer(&b.entries[c.index].word, nil)\n", "\tif p := &b.entries[c.index].word; BUG {\n\t\tgo atomic.StorePointer(p, nil)\n\t} else {\n\t$\t}\n"},
	}},
	{"stop does not ask the timer", "AfterFunc: stop, firing", []patch{
		{timerGo, "t.state != waiting || !t.timer.Stop() {\n", "$\t\tif BUG && t.state == running {\n\t\t\treturn true\n\t\t}\n"},
	}},
	{"queue takes its announcement back before the call", "queue, DropOldest: Fire, Destroy of the connection's owner", []patch{
		{queueRunGo, "\tdefer owner.Retract(slot)\n", "\tif BUG {\n\t\towner.Retract(slot)\n\t} else {\n\t$\t}\n"},
	}},
	{"value in hand not counted", "queue, Block: Fire, Destroy of the queue's owner", []patch{
		{queueEndGo, "\tq.current, q.waiting = place{}, false\n\tq.dropped++\n", "$\tif BUG {\n\t\tq.dropped--\n\t}\n"},
	}},
	{"held firer not let go", "queue, Block: Fire, Destroy of the connection's owner", []patch{
		{queueConnGo, "\tc.box.clear()\n\tq.releaseFlushesLocked()\n\tq.room.Broadcast()\n", "\tc.box.clear()\n\tq.releaseFlushesLocked()\n\tif !BUG {\n\t\tq.room.Broadcast()\n\t}\n"},
	}},
	{"held firer stays", "a goroutine that a queue holds, Destroy of its owner", []patch{
		{taskGo, "\tfor _, s := range current() {\n", "$\t\tif BUG {\n\t\t\tbreak\n\t\t}\n"},
	}},
	{"no look for circles", "Destroy of each other's owners, in two trees", []patch{
		{waitGo, "\t\tyounger, circle := w.search()\n", "$\t\tcircle = circle && !BUG\n"},
	}},
	{"searched before it was entered", "Destroy of each other's owners, in two trees", []patch{
		{waitGo, "\tw.enter()\n\tdefer close(w.decided)\n", "\t" + `if BUG {
		_, circle := w.search()
		close(w.decided)
		if circle {
			return false, nothing
		}
		w.enter()
		w.settled.Store(true)
		return true, w.remove
	}
$`},
	}},
	{"late beat forgotten", "Heartbeat: tick, last leaves and first comes", []patch{
		{beatGo, "h.late = h.late || h.active == active //", "h.late = (h.late || h.active == active) && !BUG //"},
	}},
}

var packageClause = regexp.MustCompile(`(?m)^package \w+$`)

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
				s = packageClause.ReplaceAllString(string(raw), "$0; import plant \"github.com/seed-ec287111/tether/internal/yield\"")
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

// TestPlantedBugs shows that each test can fail, within a million rounds of one of a few
// processes: whether the parts of a round ever meet in the one instruction that counts
// depends on where their memory lies, and on what else the machine does.
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
			for range 4 {
				cmd := exec.Command(bin, "-test.v", "-test.timeout=3m", "-test.run="+run, "-litmus.rounds=1000000", "-litmus.limit=2m", "-litmus.stuck=3s")
				cmd.Env = append(os.Environ(), bugVariable+"="+b.name)
				out, err := cmd.CombinedOutput()
				switch what := verdict.FindString(string(out)); {
				case err != nil && what != "":
					t.Logf("%s: %s", b.finds, what)
					return
				case err != nil:
					t.Fatalf("%s fails without a verdict: %v\n%s", b.finds, err, out)
				}
			}
			t.Errorf("%s did not find it", b.finds)
		})
	}
}
