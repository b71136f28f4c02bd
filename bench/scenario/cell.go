package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
)

// A cell is a measurement in a process of its own: with a fresh heap, without
// goroutines that others forgot, and killed if it hangs.
type cell func(p Plan, who peers.Peer, n int, note noter)

// A noter notes a value; cut says that it is a lower bound.
type noter func(scenario string, value float64, cut bool)

var cells = map[string]cell{
	"life":  lifeCell,
	"leak":  leakCell,
	"late":  lateCell,
	"close": closeCell,
	"left":  leftCell,
}

// patience is how long a cell may take.
const patience = 30 * time.Second

// A line is how a cell tells its parent a value.
type line struct {
	Scenario string
	Value    float64
	Cut      bool
}

// CellFlag is the first argument of a process that is a cell.
const CellFlag = "-cell"

// Cell runs the cell that args name and writes what it measured. main calls it
// if the first argument is CellFlag.
func Cell(args []string, w io.Writer) error {
	var plan Plan
	if len(args) != 5 || args[0] != CellFlag {
		return fmt.Errorf("a cell with arguments %q", args)
	}
	run := cells[args[1]]
	n, err := strconv.Atoi(args[3])
	if run == nil || err != nil {
		return fmt.Errorf("a cell with arguments %q", args)
	}
	if err := json.Unmarshal([]byte(args[4]), &plan); err != nil {
		return err
	}
	out := json.NewEncoder(w)
	run(plan, peers.ByName(args[2]), n, func(scenario string, value float64, cut bool) {
		if err == nil {
			err = out.Encode(line{scenario, value, cut})
		}
	})
	return err
}

// spawn runs a cell and enters what it measured in the book.
func (b *Bench) spawn(name string, p peers.Peer, n int) {
	plan := b.Plan
	plan.Log = nil
	encoded, err := json.Marshal(plan)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.self, CellFlag, name, p.Name, strconv.Itoa(n), string(encoded))
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	err = cmd.Run()
	for in := json.NewDecoder(&out); ; {
		var l line
		if e := in.Decode(&l); e != nil {
			if !errors.Is(e, io.EOF) {
				b.logf("%s of %s with %d: %v\n", name, p.Name, n, e)
			}
			break
		}
		if l.Cut {
			b.Book.Cut(l.Scenario, p.Name, n, l.Value)
			b.cut[measure.Key{Scenario: name, Who: p.Name, N: n}] = true // not tried again
			continue
		}
		b.Book.Add(l.Scenario, p.Name, n, l.Value)
	}
	if err != nil {
		b.logf("%s of %s with %d: %v\n", name, p.Name, n, err)
		b.Book.Add(Hung, p.Name, n, 1)
		b.cut[measure.Key{Scenario: name, Who: p.Name, N: n}] = true
	}
}

// wasCut reports whether a cell was given up in an earlier round.
func (b *Bench) wasCut(name string, p peers.Peer, n int) bool {
	return b.cut[measure.Key{Scenario: name, Who: p.Name, N: n}]
}
