package tethervet_test

import (
	"go/ast"
	"go/token"
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// function returns the name of the declared function at a position.
func function(pkg *packages.Package, pos token.Pos) string {
	for _, f := range pkg.Syntax {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Pos() <= pos && pos < fn.End() {
				return fn.Name.Name
			}
		}
	}
	return "-"
}

// deliberate reads deliberate.txt: a file, a function or * for any, an analyzer, and
// the reason.
func deliberate(t *testing.T) map[finding]string {
	t.Helper()
	b, err := os.ReadFile("deliberate.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[finding]string)
	for l := range strings.Lines(string(b)) {
		if l = strings.TrimSpace(l); l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		fields := strings.Fields(l)
		if len(fields) < 4 {
			t.Fatalf("deliberate.txt: %q has no reason", l)
		}
		f := finding{fields[0], fields[1], fields[2]}
		if _, ok := all[f]; ok {
			t.Fatalf("deliberate.txt has %v twice", f)
		}
		all[f] = strings.Join(fields[3:], " ")
	}
	return all
}
