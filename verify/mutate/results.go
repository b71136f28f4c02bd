package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// What became of a mutant.
const (
	killed    = "killed"
	hung      = "hung" // which a test's timeout would have noticed
	survived  = "survived"
	unreached = "unreached" // survived, as no test comes by
)

// A result is a line of the results file.
type result struct {
	Key, ID, File, Status string
	By                    string `json:",omitempty"` // the test that noticed
	Seconds               float64
}

func (r result) dead() bool { return r.Status == killed || r.Status == hung }

// readResults returns what an earlier run found, by key; the last word counts.
func readResults(name string) (map[string]result, error) {
	all := map[string]result{}
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for d := json.NewDecoder(bufio.NewReader(f)); ; {
		var r result
		if err := d.Decode(&r); err == io.EOF {
			return all, nil
		} else if err != nil {
			return all, err
		}
		all[r.Key] = r
	}
}

// readReasons reads a list of mutants: the keys of some, then a line that begins
// with a tab, which is what the result has for each. In equivalent.txt that says
// why no test can notice, in sample.txt which test does.
func readReasons(name string) (map[string]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	why := map[string]string{}
	var keys []string
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "\t"):
			for _, key := range keys {
				why[key] = strings.TrimSpace(line)
			}
			keys = nil
		case strings.Count(line, " | ") < 3:
			return nil, fmt.Errorf("%s:%d: not a key: %s", name, i+1, line)
		default:
			keys = append(keys, line)
		}
	}
	if len(keys) > 0 {
		return nil, fmt.Errorf("%s: no reason for %s", name, keys[0])
	}
	return why, nil
}

// report prints the figures of each file as a table, then the survivors.
func report(w io.Writer, mutants []*Mutant, results map[string]result, equivalent map[string]string) (left int) {
	type figures struct{ all, killed, hung, survived, equivalent int }
	var files []string
	byFile := map[string]*figures{}
	var total figures
	var survivors []string
	for _, m := range mutants {
		r, ok := results[m.Key()]
		if !ok {
			continue
		}
		f := byFile[m.File]
		if f == nil {
			f = new(figures)
			byFile[m.File] = f
			files = append(files, m.File)
		}
		for _, f := range []*figures{f, &total} {
			f.all++
			switch {
			case r.Status == killed:
				f.killed++
			case r.Status == hung:
				f.hung++
			case equivalent[m.Key()] != "":
				f.equivalent++
			default:
				f.survived++
			}
		}
		if !r.dead() && equivalent[m.Key()] == "" {
			survivors = append(survivors, fmt.Sprintf("%-9s %s\n          %s", r.Status, m.ID(), m.Key()))
		}
	}
	fmt.Fprintln(w, "| file | mutants | killed | hung | equivalent | survived | score | without the equivalent |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	row := func(name string, f *figures) {
		dead := f.killed + f.hung
		fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %.1f %% | %.1f %% |\n", name, f.all, f.killed, f.hung, f.equivalent, f.survived,
			percent(dead, f.all), percent(dead, f.all-f.equivalent))
	}
	slices.Sort(files)
	for _, name := range files {
		row(name, byFile[name])
	}
	row("all", &total)
	if len(survivors) > 0 {
		fmt.Fprintf(w, "\n%d survivors:\n%s\n", len(survivors), strings.Join(survivors, "\n"))
	}
	return total.survived
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return 100
	}
	return 100 * float64(part) / float64(whole)
}
