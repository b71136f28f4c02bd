package leaks

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// witness is what is added to a package under test. Its first WriteTo may find
// goroutines that are about to end, so it is the second one that counts.
const witness = `package %s

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
)

type leakWitness struct{ m interface{ Run() int } }

func (w leakWitness) Run() int {
	plantLeaks()
	code := w.m.Run()
	profile := pprof.Lookup("goroutineleak")
	if profile == nil {
		fmt.Println("LEAKS: no such profile")
		os.Exit(3)
	}
	var b bytes.Buffer
	_ = profile.WriteTo(io.Discard, 1)
	_ = profile.WriteTo(&b, 1)
	n := profile.Count()
	fmt.Printf("LEAKS: %%d\n", n)
	if n > 0 {
		fmt.Println(b.String())
		os.Exit(4)
	}
	return code
}

func plantLeaks() {
	if os.Getenv("TETHER_PLANT_LEAKS") == "" {
		return
	}
	go plantedLeak(make(chan int))
}

func plantedLeak(c chan int) { <-c }
`

// alone is added where there is no TestMain.
const alone = `
func TestMain(m *testing.M) { os.Exit(leakWitness{m}.Run()) }
`

const started = "goleak.VerifyTestMain(m)"

var packageClause = regexp.MustCompile(`(?m)^package (\w+)`)

// run runs the tests of the package in dir, with the witness, and returns what
// they print.
func run(t *testing.T, dir string, env []string, args ...string) (out string, err error) {
	t.Helper()
	dir, err = filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	put := func(name, text string) {
		path := filepath.Join(tmp, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(dir, name)] = path
	}
	name := ""
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		switch {
		case strings.Count(text, started) == 1:
			put(filepath.Base(file), strings.Replace(text, started, "goleak.VerifyTestMain(leakWitness{m})", 1))
			put("leakwitness_test.go", fmt.Sprintf(witness, packageClause.FindStringSubmatch(text)[1]))
		case strings.Contains(text, "func TestMain("):
			t.Fatalf("%s has a TestMain without %s", file, started)
		default:
			name = packageClause.FindStringSubmatch(text)[1]
		}
	}
	if len(overlay.Replace) == 0 {
		put("leakwitness_test.go", strings.Replace(fmt.Sprintf(witness, name), "pprof\"\n", "pprof\"\n\t\"testing\"\n", 1)+alone)
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(tmp, "overlay.json")
	if err := os.WriteFile(list, b, 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"test", "-v", "-count=1", "-overlay", list}, append(args, ".")...)
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOEXPERIMENT=goroutineleakprofile"), env...)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// suites are the packages that have tests which run the library, by directory.
func suites(t *testing.T) (dirs []string) {
	t.Helper()
	for _, pattern := range []string{"../..", "../../*", "../../internal/*", "../*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range found {
			tests, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			switch name := filepath.Base(dir); {
			case len(tests) == 0, name == "leaks", name == "tethervet": // which reads programs, and runs none
			default:
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// TestProfile_FindsNoLeak runs the suites, with -short the root's alone.
func TestProfile_FindsNoLeak(t *testing.T) {
	dirs := suites(t)
	if testing.Short() {
		dirs = dirs[:1]
	}
	for _, dir := range dirs {
		t.Run(dir, func(t *testing.T) {
			args := []string{"-short", "-skip=Planted|TheStormFinds"} // which build others
			if filepath.Base(dir) == "explore" {
				args = append(args, "-tags=tether_explore")
			}
			out, err := run(t, dir, nil, args...)
			if err != nil || !strings.Contains(out, "LEAKS: 0\n") {
				t.Errorf("%v\n%s", err, out)
				return
			}
			t.Logf("%d tests and subtests, no leak", strings.Count(out, "--- PASS"))
		})
	}
}

// TestProfile_FindsAPlantedLeak shows that the test above can fail.
func TestProfile_FindsAPlantedLeak(t *testing.T) {
	out, err := run(t, "../..", []string{"TETHER_PLANT_LEAKS=1"}, "-short", "-run=TestDestroy")
	if err == nil || !strings.Contains(out, "LEAKS: 1\n") || !strings.Contains(out, "plantedLeak") {
		t.Errorf("it was not found: %v\n%s", err, out)
	}
}
