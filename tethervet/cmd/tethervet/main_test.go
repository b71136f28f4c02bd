package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// marked returns where examples/leaky has its leak of a number, as "main.go:101:".
func marked(t *testing.T, leak int) string {
	t.Helper()
	b, err := os.ReadFile("../../../examples/leaky/main.go")
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(b), fmt.Sprint("// leak ", leak))
	if !ok {
		t.Fatalf("there is no leak %d", leak)
	}
	return fmt.Sprintf("main.go:%d:", strings.Count(before, "\n")+1)
}

func build(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tethervet")
	if out, err := exec.Command("go", "build", "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

func TestTheWaysToRunIt(t *testing.T) {
	tethervet := build(t)
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	leaky := []string{marked(t, 1), marked(t, 2), marked(t, 5)}
	for _, way := range []struct {
		name, dir string
		args      []string
		fails     bool
		want      []string
		not       string
	}{
		{"alone", root, []string{tethervet, "./examples/leaky"}, true, leaky, ""},
		{"from elsewhere, one analyzer", ".", []string{tethervet, "-C", root, "-growth", "./examples/leaky"}, true, leaky[:1], leaky[1]},
		{"all but one", root, []string{tethervet, "-growth=false", "./examples/leaky"}, true, leaky[1:], leaky[0]},
		{"nothing to report", root, []string{tethervet, "-test=false", "./keyed"}, false, nil, "."},
		{"by go vet", root, []string{"go", "vet", "-vettool=" + tethervet, "./examples/leaky"}, true, leaky, ""},
		{"nothing by go vet", root, []string{"go", "vet", "-vettool=" + tethervet, "./keyed"}, false, nil, "."},
		{"json", root, []string{tethervet, "-json", "./examples/leaky"}, false, []string{`"lostowner"`, leaky[2]}, ""},
		{"sarif", ".", []string{tethervet, "-C", root, "-sarif", "./examples/leaky"}, false, []string{`"ruleId": "lostowner"`, `"uri": "examples/leaky/main.go"`}, ""},
		{"help", root, []string{tethervet, "help", "growth"}, false, []string{"growth: reports what", "//tethervet:ignore growth"}, ""},
	} {
		t.Run(way.name, func(t *testing.T) {
			cmd := exec.Command(way.args[0], way.args[1:]...)
			cmd.Dir = way.dir
			out, err := cmd.CombinedOutput()
			if _, failed := err.(*exec.ExitError); failed != way.fails || err != nil && !failed {
				t.Errorf("got %v, want a failure: %v", err, way.fails)
			}
			for _, w := range way.want {
				if !strings.Contains(string(out), w) {
					t.Errorf("no %q in\n%s", w, out)
				}
			}
			if way.not != "" && strings.Contains(string(out), way.not) {
				t.Errorf("there is %q in\n%s", way.not, out)
			}
		})
	}
}

// A file may be in a package and in its variant for tests. It is reported once, with
// a path that does not depend on the machine.
func TestSARIFHasEachReportOnce(t *testing.T) {
	leak5 := marked(t, 5)
	t.Chdir("../../..")
	var out bytes.Buffer
	if err := writeSARIF(&out, []string{"./examples/leaky"}); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, EndLine int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 || len(log.Runs[0].Tool.Driver.Rules) != 9 || len(log.Runs[0].Results) != 3 {
		t.Fatalf("got %+v", log)
	}
	at := log.Runs[0].Results[2].Locations[0].PhysicalLocation
	if at.ArtifactLocation.URI != "examples/leaky/main.go" || fmt.Sprintf("main.go:%d:", at.Region.StartLine) != leak5 || log.Runs[0].Results[2].RuleID != "lostowner" {
		t.Errorf("got %+v", log.Runs[0].Results[2])
	}
	if err := writeSARIF(&out, []string{"./nowhere"}); err == nil {
		t.Error("no error for a package that is not there")
	}
}

func TestFixesAreApplied(t *testing.T) {
	tethervet := build(t)
	dir := t.TempDir()
	source, err := os.ReadFile("../../testdata/lostowner/fix/fix.go")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../testdata/lostowner/fix/fix.go.golden")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile("../../testdata/go.sum")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"go.mod": "module fix\n\ngo 1.26\n\nrequire github.com/seed-ec287111/tether v0.0.0\n\nreplace github.com/seed-ec287111/tether => " + root + "\n",
		"go.sum": string(sum),
		"fix.go": string(source),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(tethervet, "-C", dir, "-fix", "./...").CombinedOutput()
	got, readErr := os.ReadFile(filepath.Join(dir, "fix.go"))
	if readErr != nil {
		t.Fatal(readErr)
	}
	if string(got) != string(want) {
		t.Errorf("%v\n%s\ngot\n%s", err, out, got)
	}
}
