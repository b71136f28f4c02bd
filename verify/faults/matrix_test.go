package faults_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The cells, by row, in the order of columns. What the test observes must be
// this, word for word; "n/a: why" is not run. They are written from the
// contract (doc.go of tether), not recorded.
const (
	pending   = "ErrPending, completed by the last one out"
	complete  = "nil, complete"
	toFirer   = "to the firer, after the rest"
	toDestroy = "to the caller of Destroy, after the rest"
	crashes   = "crash"
	reported  = "to the panic handler, the caller goes on"
	endsCall  = "ends that call only"
	live      = "all live"
	deadConn  = "dead Connection, never called"
	noOwner   = "n/a: the owner is the call itself"
	noSignal  = "n/a: no signal in it"
	atOnce    = "called at once, at the registration"
	once      = "called 1, others 1"
)

var expected = map[string][]string{
	//                    handler, once, queued, Finish, goroutine, timer, interrupt, cleanup, closer, tick, Values, Wait, WhileActive,
	// then GoErr, OwnBlocking, wake
	"panics": {toFirer, toFirer, crashes, crashes, crashes, crashes, toDestroy, toDestroy, toDestroy, crashes,
		"out of the loop, unsubscribed", "to the caller of Wait, unsubscribed", "to the caller of Connect, connection stands",
		crashes, toDestroy, toFirer},
	"panics, supervised": {reported, reported, reported, reported, reported, reported, reported, reported, reported, reported + "; ticks go on",
		"n/a: the body is the loop's, as unsupervised", "n/a: the Source is the caller's, as unsupervised", reported + ", connection stands",
		reported, reported, reported},
	"panics while something runs": {noDestroy, noDestroy, noDestroy, noDestroy, noDestroy, noDestroy, drained, drained, drained, noDestroy, noDestroy, noDestroy, noDestroy,
		noDestroy, drained, noDestroy},
	"Goexit": {"ends the firer, after the rest", "ends the firer, after the rest", endsCall, endsCall, endsCall, endsCall,
		"ends the caller of Destroy, after the rest", "ends the caller of Destroy, after the rest", "ends the caller of Destroy, after the rest",
		endsCall + "; ticks go on", "ends the loop's goroutine, unsubscribed", "ends the caller of Wait, unsubscribed", "ends the caller of Connect, connection stands",
		endsCall, "ends the caller of Destroy, after the rest", "ends the firer, after the rest"},
	"blocks": {"Destroy waits: handler", "Destroy waits: handler", "Destroy waits: handler", "Destroy waits: handler", "Destroy waits: goroutine", "Destroy waits: timer",
		"Destroy waits: interrupt", "Destroy waits: cleanup", "Destroy waits: cleanup", "Destroy waits: handler", "Destroy does not wait", "Destroy does not wait", "Destroy waits: handler",
		"Destroy waits: goroutine", "Destroy waits: interrupt", "Destroy waits: handler"},
	"blocks, in DestroyContext": {asBlocks, asBlocks, asBlocks, asBlocks, asBlocks, asBlocks, "given up on: interrupt", "given up on: cleanup", "given up on: cleanup",
		asBlocks, asBlocks, asBlocks, asBlocks,
		asBlocks, "given up on: interrupt", asBlocks},
	"destroys its own owner": {pending, pending, pending, pending, pending, pending, pending, pending, pending, pending, noOwner, noOwner, pending,
		pending, pending, pending},
	"destroys an ancestor": {pending, pending, pending, pending, pending, pending, pending, pending, pending, pending, noOwner, noOwner, pending,
		pending, pending, pending},
	"destroys the signal's owner": {complete, complete, complete, complete, complete, complete, complete, complete, complete, pending, complete + "; the loop ends", complete + "; ErrDestroyed", pending,
		complete, complete, complete},
	"two that destroy each other": {"ErrPending twice", "ErrPending twice", "ErrPending twice", "ErrPending twice", "nil once, ErrPending once", "ErrPending twice", "ErrPending twice",
		"ErrPending twice", "ErrPending twice", "ErrPending twice", noOwner, noOwner, "ErrPending twice",
		"nil once, ErrPending once", "ErrPending twice", "ErrPending twice"},
	"fires": {"called 2, others 2", "called 1, others 2", "called 2, others 2", "called 1, others 2", once, once, once, once, once, once, "called 2, others 2", "called 1, others 2", once,
		once, once, "called 1, others 2"},
	"registers": {live, live, live, interrupting, live, live, interrupting, unwinding, unwinding, live, live, live, live,
		live, interrupting, live},
	"dead owner": {deadConn, deadConn, deadConn, deadConn, "false, never called", "never called", atOnce, atOnce, atOnce, deadConn,
		"ended context: never called", "ended context: its cause", "never called",
		"false, never called", atOnce, "never called"},
	"closed signal": {deadConn, deadConn, deadConn, deadConn, noSignal, noSignal, noSignal, noSignal, noSignal, deadConn, "never called", "ErrDestroyed", "n/a: its signal closes with its owner, see there",
		noSignal, noSignal, "never called"},
}

const (
	noDestroy    = "n/a: nobody waits for a teardown"
	drained      = "to the caller of Destroy, drained and unwound"
	asBlocks     = "n/a: the call is not the teardown's, as in blocks"
	interrupting = "dead Connection and child, no goroutine; Interrupt at once, Defer at the unwind"
	unwinding    = "dead Connection and child, no goroutine; Interrupt and Defer at once"
)

var update = flag.Bool("update", false, "write the table in FAULTS.md")

// TestMatrix_TheTableInFaultsMdIsThatOfTheCells keeps the page from drifting away.
func TestMatrix_TheTableInFaultsMdIsThatOfTheCells(t *testing.T) {
	const page, begin, end = "../FAULTS.md", "<!-- table -->\n", "<!-- end -->\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	table, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no table between %q and %q", page, begin, end)
	}
	want := render()
	if *update {
		if err := os.WriteFile(page, []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if table != want {
		t.Errorf("the table in %s is not that of the cells; run the test with -update. got:\n%s\nwant:\n%s", page, table, want)
	}
}

// render returns the table in Markdown.
func render() string {
	var b strings.Builder
	b.WriteString("\n| fault |")
	for _, c := range columns {
		b.WriteString(" " + c.name + " |")
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(columns)+1) + "\n")
	for _, r := range rows {
		b.WriteString("| **" + r.name + "** | " + strings.Join(expected[r.name], " | ") + " |\n")
	}
	return b.String() + "\n"
}
