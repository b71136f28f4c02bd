package computedget

import (
	"fmt"
	"go/ast"

	"golang.org/x/tools/go/analysis"

	"github.com/seed-ec287111/tether/tethervet/internal/scan"
)

// Analyzer is the pass; the package comment says what it does.
var Analyzer = &analysis.Analyzer{
	Name:     "computedget",
	Doc:      scan.Doc(doc),
	URL:      "https://" + scan.Path + "/tethervet/computedget",
	Run:      run,
	Requires: []*analysis.Analyzer{scan.Analyzer},
}

func run(pass *analysis.Pass) (any, error) {
	p := scan.Of(pass)
	for _, r := range p.Registrations() {
		if r.Func != nil && r.Site.Is("state", "", "NewComputed") {
			check(pass, p, r.Func)
		}
	}
	return nil, nil
}

// check reports every Get in a computing function, but for those that certainly do
// no harm: of a value that it reads with Use, too; of one that it has made itself;
// and all of them where it uses something for the sake of depending on it alone,
// since then it seems to know what it does not depend on.
func check(pass *analysis.Pass, p *scan.Package, f *scan.Func) {
	var gets []scan.Call
	var used []ast.Expr
	for c := range f.Preorder((*ast.CallExpr)(nil)) {
		call, ok := scan.API(p.Info, c.Node())
		if !ok || call.Pkg != "state" {
			continue
		}
		switch call.Name {
		case "Use":
			if !scan.Used(c) {
				return
			}
			used = append(used, call.Receiver())
		case "Get":
			gets = append(gets, call)
		}
	}
	for _, get := range gets {
		x := get.Receiver()
		if trail := p.Trail(x); len(trail) > 0 && scan.In(trail[0].Pos(), f.Body) || isUsed(p, x, used) {
			continue
		}
		p.Report(pass, analysis.Diagnostic{
			Pos: get.Pos(), End: get.End(),
			Message:        fmt.Sprintf("Get in a computing function reads, but does not depend: it is not computed again when this value changes; read with %s", wanted(f)),
			SuggestedFixes: fix(get, f),
		})
	}
}

func isUsed(p *scan.Package, x ast.Expr, used []ast.Expr) bool {
	for _, u := range used {
		if p.Same(x, u) {
			return true
		}
	}
	return false
}

// use returns the name of the function's parameter, "" if it has none.
func use(f *scan.Func) string {
	for _, field := range f.Type.Params.List {
		for _, name := range field.Names {
			if name.Name != "_" {
				return name.Name
			}
		}
	}
	return ""
}

func wanted(f *scan.Func) string {
	if name := use(f); name != "" {
		return fmt.Sprintf("Use(%s)", name)
	}
	return "Use"
}

func fix(get scan.Call, f *scan.Func) []analysis.SuggestedFix {
	sel, ok := ast.Unparen(get.Fun).(*ast.SelectorExpr)
	if name := use(f); ok && name != "" {
		return []analysis.SuggestedFix{{
			Message:   fmt.Sprintf("Use(%s)", name),
			TextEdits: []analysis.TextEdit{{Pos: sel.Sel.Pos(), End: get.End(), NewText: fmt.Appendf(nil, "Use(%s)", name)}},
		}}
	}
	return nil
}
