package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const module = "github.com/seed-ec287111/tether"

// above are the packages that are built on the core. Their mutants meet their
// own tests.
var above = []string{"bus", "derive", "history", "hook", "keyed", "pool", "state", "weakref"}

// runtimeSource is the package that answers which mutant is on. The places that
// a test asks about are noted in a file that is mapped into memory, so that
// they are known however the test ends, and those of its child processes too.
const runtimeSource = `// Package mutant says which mutant is on.
package mutant

import (
	"os"
	"strconv"
	"syscall"
)

var (
	active  = -1
	reached []byte
)

func init() {
	if n, err := strconv.Atoi(os.Getenv("TETHER_MUTANT")); err == nil {
		active = n
	}
	name := os.Getenv("TETHER_REACHED")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	info, err := f.Stat()
	if err != nil {
		panic(err)
	}
	reached, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	f.Close()
}

// On reports whether mutant k is on.
func On(k int) bool {
	if reached != nil {
		reached[k] = 1
	}
	return k == active
}

// Sign is 1, or -1 if mutant k is on.
func Sign(k int) int {
	if On(k) {
		return -1
	}
	return 1
}

// Int is v, which is 0 or 1, or the other one if mutant k is on.
func Int(k, v int) int {
	if On(k) {
		return 1 - v
	}
	return v
}
`

// A schema is the library with all its mutants.
type schema struct {
	root    string
	overlay string // the JSON file for the go command
	mutants []*Mutant
	sum     string // of the rewritten sources
}

// newSchema rewrites the library's packages into dir.
func newSchema(root, dir string) (*schema, error) {
	s := &schema{root: root, overlay: filepath.Join(dir, "overlay.json")}
	packages, exports, err := list(root)
	if err != nil {
		return nil, err
	}
	replace := map[string]string{}
	sum := sha256.New()
	put := func(path, text string) error {
		to := filepath.Join(dir, strings.ReplaceAll(path, "/", "__"))
		replace[filepath.Join(root, path)] = to
		fmt.Fprintln(sum, text)
		return os.WriteFile(to, []byte(text), 0o644)
	}
	if err := put("internal/mutant/mutant.go", runtimeSource); err != nil {
		return nil, err
	}
	n := 0
	for _, p := range packages {
		if p.ImportPath == module+"/internal/yield" || p.ImportPath == module+"/internal/testkit" {
			continue
		}
		fset := token.NewFileSet()
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
		config := types.Config{Importer: importer.ForCompiler(fset, "gc", lookup)}
		pkg, err := config.Check(p.ImportPath, fset, files, info)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			path := fset.Position(f.Pos()).Filename
			name, err := filepath.Rel(root, path)
			if err != nil {
				return nil, err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			src := &source{name: name, file: f, fset: fset, info: info, pkg: pkg, text: text, next: &n, seen: map[string]int{}}
			src.mutate()
			if len(src.found) == 0 {
				continue
			}
			s.mutants = append(s.mutants, src.found...)
			if err := put(name, src.rewritten(module+"/internal/mutant")); err != nil {
				return nil, err
			}
		}
	}
	s.sum = hex.EncodeToString(sum.Sum(nil))
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	return s, os.WriteFile(s.overlay, text, 0o644)
}

type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

// list returns the library's packages and where the compiled ones lie.
func list(root string) (ours []listed, exports map[string]string, err error) {
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles", ".", "./internal/..."}
	for _, p := range above {
		args = append(args, "./"+p)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, nil, err
	}
	exports = map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			return nil, nil, err
		}
		exports[p.ImportPath] = p.Export
		rest, ok := strings.CutPrefix(p.ImportPath, module)
		if ok && (rest == "" || strings.HasPrefix(rest, "/internal/") || slices.Contains(above, rest[1:])) {
			ours = append(ours, p)
		}
	}
	return ours, exports, nil
}
