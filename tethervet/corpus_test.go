package tethervet_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"

	"github.com/seed-ec287111/tether/tethervet"
)

// A finding is a report, by where it is found again when lines have moved.
type finding struct{ file, function, analyzer string }

func (f finding) String() string { return f.file + " " + f.function + " " + f.analyzer }

// The repository has owners that are lost and handlers that grow, to show what
// happens then. They are listed in deliberate.txt, each with a reason. Everything
// else that is reported is a bug, there or here.
func TestTheRepositoryHasNoReportsButTheListedOnes(t *testing.T) {
	want := deliberate(t)
	met := make(map[finding]bool)
	for _, module := range modules(t) {
		for _, r := range analyze(t, module, "./...") {
			at := finding{r.file, r.function, r.analyzer}
			if _, ok := want[at]; !ok {
				at.function = "*"
			}
			if _, ok := want[at]; !ok {
				t.Errorf("%s:%d: %s: %s\nno line of deliberate.txt says: %s %s %s", r.file, r.line, r.analyzer, r.message, r.file, r.function, r.analyzer)
			}
			met[at] = true
		}
	}
	for f := range want {
		if !met[f] {
			t.Errorf("deliberate.txt has %v, which is not reported", f)
		}
	}
}

// Other libraries have owners, scopes and signals, too. The analyzers know this
// one's by its import path, and have nothing to say about others.
func TestOtherLibrariesHaveNoReports(t *testing.T) {
	others := []string{
		"github.com/asaskevich/EventBus",
		"github.com/cskr/pubsub/v2",
		"github.com/docker/go-events",
		"github.com/ethereum/go-ethereum/event",
		"github.com/libp2p/go-libp2p/p2p/host/eventbus",
		"github.com/samber/ro",
		"github.com/ThreeDotsLabs/watermill/message",
		"tailscale.com/util/eventbus",
	}
	for _, r := range analyze(t, "../bench", others...) {
		t.Errorf("%s:%d: %s: %s", r.file, r.line, r.analyzer, r.message)
	}
}

// What examples/leaky marks as a leak, and what docs/leaks.md shows as wrong, is
// reported in that line, or it is said here why it can't be.
func TestTheLeaksThatAreShownAreReported(t *testing.T) {
	reports := analyze(t, "..", "./examples/leaky", "./docs/...")
	for _, leak := range []struct {
		file, mark, analyzer, why string
	}{
		{"examples/leaky/main.go", "// leak 1", "growth", ""},
		{"examples/leaky/main.go", "// leak 2", "lostowner", ""},
		{"examples/leaky/main.go", "// leak 3", "", "nothing in the method says that it is called for many"},
		{"examples/leaky/main.go", "// leak 4", "", "likewise, and what it waits for may come"},
		{"examples/leaky/main.go", "// leak 5", "lostowner", ""},
		{"examples/leaky/main.go", "// leak 6", "", "what it waits for may come"},
		{"docs/snippets/leaks_test.go", "// app holds it as long as app lives", "", "nothing says that there are many signals"},
		{"docs/snippets/leaks_test.go", "// app is not what ends when s does", "growth", ""},
		{"docs/debugging/lost.go", "// the fault", "lostowner", ""},
		{"docs/debugging/hang.go", "err := shutdown(app", "underlock", ""},
		{"docs/debugging/grow.go", "// the fault", "", "nothing in the method says that it is called for many"},
		{"docs/debugging/late.go", "heard.Disconnect()", "", "a race of what the program does itself: go test -race finds it"},
	} {
		at := line(t, filepath.Join("..", leak.file), leak.mark)
		got := ""
		for _, r := range reports {
			if r.file == leak.file && r.line == at {
				got = r.analyzer
			}
		}
		if got != leak.analyzer {
			t.Errorf("%s:%d: reported by %q, want %q: %s (%s)", leak.file, at, got, leak.analyzer, leak.mark, leak.why)
		}
	}
}

func line(t *testing.T, file, mark string) int {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(b), mark)
	if !ok {
		t.Fatalf("%s has no %q", file, mark)
	}
	return strings.Count(before, "\n") + 1
}

// modules returns the folders of the repository's modules that have packages.
func modules(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "tools" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".."):
			return fs.SkipDir
		case d.Name() == "go.mod":
			all = append(all, filepath.Dir(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"..", "../bench", "../verify", "../tethervet"} {
		if !slices.Contains(all, m) {
			t.Fatalf("modules are %v, without %s", all, m)
		}
	}
	return all
}

type report struct {
	finding
	line    int
	message string
}

// analyze runs all analyzers over packages of a module.
func analyze(t *testing.T, module string, patterns ...string) []report {
	t.Helper()
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadAllSyntax, Dir: module, Tests: !strings.Contains(patterns[0], ".com")}, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) == 0 || packages.PrintErrors(pkgs) > 0 {
		t.Fatalf("%s: %v: %d packages, or errors in them", module, patterns, len(pkgs))
	}
	graph, err := checker.Analyze(tethervet.Analyzers, pkgs, nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool) // a package and its variant for tests have files in common
	var reports []report
	for action := range graph.All() {
		if action.Err != nil {
			t.Fatal(action.Err)
		}
		if !action.IsRoot {
			continue
		}
		for _, d := range action.Diagnostics {
			at := action.Package.Fset.Position(d.Pos)
			file, err := filepath.Rel(root, at.Filename)
			if err != nil {
				t.Fatal(err)
			}
			r := report{finding{filepath.ToSlash(file), function(action.Package, d.Pos), action.Analyzer.Name}, at.Line, d.Message}
			if key := fmt.Sprint(r); !seen[key] {
				seen[key] = true
				reports = append(reports, r)
			}
		}
	}
	return reports
}

// Nor about types and functions of the same names elsewhere.
func TestTheSameNamesElsewhereHaveNoReports(t *testing.T) {
	for _, r := range analyze(t, "testdata", "./notours") {
		t.Errorf("%s:%d: %s: %s", r.file, r.line, r.analyzer, r.message)
	}
}
