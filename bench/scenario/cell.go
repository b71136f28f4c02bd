package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
)

// A cell is a measurement in a process of its own: with a fresh heap, without
// goroutines that others forgot, and killed if it hangs.
type cell func(p Plan, who string, n int, note noter)

// A noter notes a value; cut says that it is a lower bound.
type noter func(scenario string, value float64, cut bool)

var cells = map[string]cell{
	"life":   ofPeer(lifeCell),
	"leak":   ofPeer(leakCell),
	"late":   ofPeer(lateCell),
	"close":  ofPeer(closeCell),
	"left":   ofPeer(leftCell),
	"growth": growthCell,
}

// ofPeer makes a cell of what measures a contestant.
func ofPeer(f func(p Plan, who peers.Peer, n int, note noter)) cell {
	return func(p Plan, who string, n int, note noter) { f(p, peers.ByName(who), n, note) }
}

// patience is how long a cell of a contestant may take.
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
	run(plan, args[2], n, func(scenario string, value float64, cut bool) {
		if err == nil {
			err = out.Encode(line{scenario, value, cut})
		}
	})
	return err
}

// spawn runs a cell, for so long at most, and enters what it measured in the book,
// even if it failed in the end.
func (b *Bench) spawn(name, who string, n int, patience time.Duration) error {
	plan := b.Plan
	plan.Log = nil
	encoded, err := json.Marshal(plan)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.self, CellFlag, name, who, strconv.Itoa(n), string(encoded))
	cmd.WaitDelay = time.Second
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	for in := json.NewDecoder(&out); ; {
		var l line
		if e := in.Decode(&l); e != nil {
			if err == nil && !errors.Is(e, io.EOF) {
				err = e
			}
			break
		}
		if l.Cut {
			b.Book.Cut(l.Scenario, who, n, l.Value)
			b.cut[measure.Key{Scenario: name, Who: who, N: n}] = true // not tried again
			continue
		}
		b.Book.Add(l.Scenario, who, n, l.Value)
	}
	if err != nil {
		said, _, _ := strings.Cut(complaint.String(), "\n") // the stacks of a crash may be long
		b.logf("%s of %s with %d: %v %s\n", name, who, n, err, said)
		b.Book.Add(Hung, who, n, 1)
		b.cut[measure.Key{Scenario: name, Who: who, N: n}] = true
	}
	return err
}

// spawnPeer runs a cell of a contestant, unless it was given up in an earlier
// round.
func (b *Bench) spawnPeer(name string, p peers.Peer, n int) {
	if !b.cut[measure.Key{Scenario: name, Who: p.Name, N: n}] {
		_ = b.spawn(name, p.Name, n, patience) // noted as hung
	}
}
