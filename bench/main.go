// Bench measures tether beside other event libraries and what people write by
// hand, and writes a report. See README.md.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/report"
	"github.com/seed-ec287111/tether/bench/scenario"
)

func main() {
	run := realMain
	if len(os.Args) > 1 && os.Args[1] == scenario.CellFlag {
		run = func() error { return scenario.Cell(os.Args[1:], os.Stdout) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func realMain() error {
	out := flag.String("out", "", "folder for REPORT.md and its pictures (default: a temporary one)")
	readme := flag.String("readme", "", "also write the lines of costs into this file, between its marks")
	quick := flag.Bool("quick", false, "measure little, in some seconds: does everything work?")
	guard := flag.Bool("guard", false, "measure and print the budgets alone, in less than a minute; the exit status is 0, met or not")
	state := flag.Bool("state", false, "measure and print the costs of package state alone, in less than a minute")
	save := flag.String("save", "", "also write all samples to this file")
	from := flag.String("from", "", "measure nothing: report on the samples of this file")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected arguments %q", flag.Args())
	}

	self, err := os.Executable()
	if err != nil {
		return err
	}
	plan := scenario.Full(os.Stderr)
	if *quick {
		plan = scenario.Quick(os.Stderr)
	}
	b := scenario.New(plan, self)
	began := time.Now()
	if *guard {
		b.Guard()
		report.PrintBudgets(os.Stdout, &b.Book, report.Here(plan, time.Since(began)))
		return nil
	}

	if *state {
		b.State()
		report.PrintState(os.Stdout, &b.Book, report.Here(plan, time.Since(began)))
		return nil
	}

	data := samples{Book: &b.Book}
	if *from != "" {
		text, err := os.ReadFile(*from)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &data); err != nil {
			return err
		}
	} else {
		b.Run()
		data.Machine = report.Here(plan, time.Since(began))
	}
	if *save != "" {
		text, err := json.Marshal(data)
		if err != nil {
			return err
		}
		if err := os.WriteFile(*save, text, 0o644); err != nil {
			return err
		}
	}
	if *out == "" {
		if *out, err = os.MkdirTemp("", "tether-bench-"); err != nil {
			return err
		}
	}
	if err := report.Write(*out, data.Book, data.Machine); err != nil {
		return err
	}
	fmt.Println("wrote", *out+"/REPORT.md")
	if *readme == "" {
		return nil
	}
	return report.Refresh(*readme, data.Book, data.Machine)
}

// samples is all that a report is made from.
type samples struct {
	Book    *measure.Book
	Machine report.Machine
}
