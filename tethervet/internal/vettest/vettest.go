// Package vettest runs an analyzer over the cases that are meant for it: those in
// testdata/NAME, a folder of a module that uses the real library.
package vettest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"
)

// Run compares reports with the want comments, and in the folder fix, if there is
// one, the files as they are after the fixes with the golden ones.
func Run(t *testing.T, a *analysis.Analyzer) {
	t.Helper()
	dir, err := filepath.Abs("../testdata")
	if err != nil {
		t.Fatal(err)
	}
	fixed := filepath.Join(dir, a.Name, "fix")
	if _, err := os.Stat(fixed); err == nil {
		analysistest.RunWithSuggestedFixes(t, dir, a, "./"+a.Name+"/fix")
	}
	analysistest.Run(t, dir, a, "./"+a.Name+"/...")
	count(t, filepath.Join(dir, a.Name))
}

// cases is how many of each kind an analyzer has at the least.
const cases = 15

var (
	wanted   = regexp.MustCompile("// want `")
	function = regexp.MustCompile(`(?m)^func `)
)

// count requires enough reported cases, and in good.go enough silent ones, each a
// function.
func count(t *testing.T, dir string) {
	t.Helper()
	bad, good := 0, 0
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(filepath.Base(f), "good") {
			if wanted.Match(b) {
				t.Errorf("%s wants a report", f)
			}
			good += len(function.FindAll(b, -1))
		} else {
			bad += len(wanted.FindAll(b, -1))
		}
	}
	if bad < cases || good < cases {
		t.Errorf("%s: %d cases that are reported and %d that are not, want %d of each", dir, bad, good, cases)
	}
}
