package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rewrite returns the body of a function f with all mutants in it.
func rewrite(t *testing.T, signature, body string) (string, []*Mutant) {
	t.Helper()
	const head = "package p\n\ntype q struct{ n uint64; dead bool }\n\nfunc touch(int, bool) bool { return true }\n\nfunc f"
	text := head + signature + " {\n" + body + "\n}\n"
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", text, parser.SkipObjectResolution)
	require.NoError(t, err)
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	pkg, err := new(types.Config).Check("p", fset, []*ast.File{file}, info)
	require.NoError(t, err)
	n := 0
	s := &source{name: "p.go", file: file, fset: fset, info: info, pkg: pkg, text: []byte(text), next: &n, seen: map[string]int{}}
	s.fn = "f"
	fn := file.Decls[len(file.Decls)-1].(*ast.FuncDecl)
	s.body(fn.Type, fn.Body)
	out := s.rewritten("m")
	_, err = parser.ParseFile(token.NewFileSet(), "p.go", out, 0)
	require.NoError(t, err, "the schema does not parse: %s", out)
	require.Equal(t, strings.Count(text, "\n"), strings.Count(out, "\n"), "lines move, and with them what panics say")
	_, out, _ = strings.Cut(out, "func f"+signature+" {\n")
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(out), "}")), s.found
}

func TestMutator_EachOperatorMakesItsChange(t *testing.T) {
	for _, c := range []struct{ signature, in, out string }{
		{"(s *q)", "s.dead = true", "if !mutant__.On(0) { s.dead = true }"},
		{"(x int)", "x++", "if mutant__.On(1) { x-- } else if !mutant__.On(0) { x++ }"},
		{"(s *q)", "s.n += 2", "if !mutant__.On(0) { s.n += uint64(mutant__.Sign(1)) * (2) }"},
		{"(x int) int", "return x - 2", "return (x - int(mutant__.Sign(0)) * (2))"},
		{"(s *q)", "defer touch(2, s.dead)", "if !mutant__.On(0) { defer touch(2, s.dead) }"},
		{"(s *q)", "touch(1, false)", "if !mutant__.On(0) { touch(int(mutant__.Int(2, 1)), (false != mutant__.On(1))) }"},
		{"(x bool)", "if x {\n}", "if (!mutant__.On(2) && (mutant__.On(1) || ((x) != mutant__.On(0)))) {\n}"},
		{"(x bool)", "for x {\n\tbreak\n}", "for (!mutant__.On(1) && ((x) != mutant__.On(0))) {\n\tif !mutant__.On(2) { break }\n}"},
		{"(x, y int) bool", "return x < y", "return (mutant__.On(0) && x <= y || !mutant__.On(0) && x < y)"},
		{"(x, y int) bool", "return x != y", "return ((x != y) != mutant__.On(0))"},
		{"(x, y bool) bool", "return x || y", "return (((x) != mutant__.On(0) || (y) != mutant__.On(0)) != mutant__.On(0))"},
		{"(x int)", "if x > 2 {\n\treturn\n}", "if (!mutant__.On(2) && (mutant__.On(1) || (((mutant__.On(3) && x >= 2 || !mutant__.On(3) && x > 2)) != mutant__.On(0)))) {\n\tif !mutant__.On(4) { return }\n}"},
	} {
		out, found := rewrite(t, c.signature, c.in)
		require.Equal(t, c.out, out)
		for _, m := range found {
			require.Regexp(t, fmt.Sprintf(`mutant__\.(On|Sign|Int)\(%d[,)]`, m.N), out)
		}
		require.NotContains(t, out, fmt.Sprintf("mutant__.On(%d)", len(found)))
	}
}

func TestMutator_LeavesAloneWhatDoesNotCompileOrIsForPeople(t *testing.T) {
	for _, c := range []struct{ signature, in string }{
		{"()", "x := 2\n_ = x"},
		{"() int", "panic(1 + 1)"},
		{"() string", `return "a" + "b"`},
		{"()", "const x = 1 << 1\nvar y [1]int\n_, _ = x, y"},
		{"() uint", "return 1 << 1"},
	} {
		out, found := rewrite(t, c.signature, c.in)
		require.Empty(t, found)
		require.Equal(t, c.in, out)
	}
}

// A list of equivalent mutants must not rot at every change of a line number.
func TestKey_OutlivesChangesElsewhereInTheFile(t *testing.T) {
	_, before := rewrite(t, "(x int)", "x++\nx++")
	_, after := rewrite(t, "(x int)", "\n\nx++\n\nx++")
	for i := range before {
		require.Equal(t, before[i].Key(), after[i].Key())
		require.NotEqual(t, before[i].ID(), after[i].ID())
	}
	require.Equal(t, "p.go | f | delete | x++ | #2", before[2].Key())
	require.Equal(t, "p.go:9:1 delete", before[2].ID())
}

func TestReasons_AnEquivalentMutantNeedsOne(t *testing.T) {
	name := filepath.Join(t.TempDir(), "equivalent.txt")
	write := func(text string) (map[string]string, error) {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		return readReasons(name)
	}
	why, err := write("# a comment\na.go | f | swap | x < y\na.go | f | delete | x++ | #2\n\tsaves time\n\nb.go | g | true | x\n\tjust so\n")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a.go | f | swap | x < y": "saves time", "a.go | f | delete | x++ | #2": "saves time", "b.go | g | true | x": "just so"}, why)
	_, err = write("a.go | f | swap | x < y\n")
	require.ErrorContains(t, err, "no reason")
	_, err = write("queue.go:12\n\tno key\n")
	require.ErrorContains(t, err, "not a key")
}

func TestReport_CountsWhatSurvivedWithoutAnExcuse(t *testing.T) {
	mutants := []*Mutant{{File: "a.go", Op: "swap", Nth: 1}, {File: "a.go", Op: "true", Nth: 1}, {File: "b.go", Op: "swap", Nth: 1}, {File: "b.go", Op: "true", Nth: 1}}
	results := map[string]result{}
	for i, status := range []string{killed, survived, hung, unreached} {
		results[mutants[i].Key()] = result{Status: status}
	}
	var out bytes.Buffer
	left := report(&out, mutants, results, map[string]string{mutants[3].Key(): "dead code"})
	require.Equal(t, 1, left)
	require.Contains(t, out.String(), "| b.go | 2 | 0 | 1 | 1 | 0 | 50.0 % | 100.0 % |")
	require.Contains(t, out.String(), "| all | 4 | 1 | 1 | 1 | 1 | 50.0 % | 66.7 % |")
	require.Contains(t, out.String(), "survived  a.go:0:0 true")
}
