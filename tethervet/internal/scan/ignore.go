package scan

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// A line is one of a file.
type line struct {
	file string
	n    int
}

// A directive is a comment of the form
//
//	//tethervet:ignore name reason
//
// at the end of the line that it is about, or on the line before. name is that of
// an analyzer, or several with commas between.
type directive struct {
	names  []string
	reason string
}

func directives(fset *token.FileSet, files []*ast.File) map[line][]directive {
	found := make(map[line][]directive)
	for _, f := range files {
		for _, group := range f.Comments {
			for _, c := range group.List {
				text, ok := strings.CutPrefix(c.Text, "//tethervet:ignore ")
				if !ok {
					continue
				}
				names, reason, _ := strings.Cut(strings.TrimSpace(text), " ")
				if i := strings.Index(reason, "//"); i >= 0 { // a further comment is no reason
					reason = reason[:i]
				}
				at := fset.Position(c.Pos())
				d := directive{strings.Split(names, ","), strings.TrimSpace(reason)}
				for _, n := range []int{at.Line, at.Line + 1} {
					l := line{at.Filename, n}
					found[l] = append(found[l], d)
				}
			}
		}
	}
	return found
}

// Report reports d, unless a directive at its line says not to. One without a
// reason does not count.
func (p *Package) Report(pass *analysis.Pass, d analysis.Diagnostic) {
	at := p.Fset.Position(d.Pos)
	for _, i := range p.ignored[line{at.Filename, at.Line}] {
		if slices.Contains(i.names, pass.Analyzer.Name) {
			if i.reason != "" {
				return
			}
			d.Message += " (a tethervet:ignore without a reason does not count)"
		}
	}
	pass.Report(d)
}
