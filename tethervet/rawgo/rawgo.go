package rawgo

import (
	"fmt"
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/seed-ec287111/tether/tethervet/internal/scan"
)

// Analyzer is the pass; the package comment says what it does.
var Analyzer = &analysis.Analyzer{
	Name:     "rawgo",
	Doc:      scan.Doc(doc),
	URL:      "https://" + scan.Path + "/tethervet/rawgo",
	Run:      run,
	Requires: []*analysis.Analyzer{scan.Analyzer},
}

// on is off by default: to start a goroutine is an error only if it outlives what
// it uses, and that may be known not to happen.
var on bool

func init() { Analyzer.Flags.BoolVar(&on, "on", false, "report go statements") }

type checker struct {
	*scan.Package
	pass     *analysis.Pass
	handlers []scan.Registration
}

func run(pass *analysis.Pass) (any, error) {
	if !on {
		return nil, nil
	}
	c := checker{scan.Of(pass), pass, nil}
	c.handlers = c.Registrations()
	reported := make(map[ast.Node]bool)
	for _, r := range c.handlers {
		if r.Func == nil || r.Owner == nil || r.Kind == scan.Cleanup || r.Kind == scan.Interrupt {
			continue
		}
		for g := range r.Func.Preorder((*ast.GoStmt)(nil)) {
			if c.Around(g) != r.Func || reported[g.Node()] || c.waits(r.Func, g.Node()) {
				continue
			}
			if what, how := c.held(r, g); what != "" {
				reported[g.Node()] = true
				c.Report(pass, analysis.Diagnostic{
					Pos: g.Node().Pos(), End: g.Node().End(),
					Message: fmt.Sprintf("this goroutine uses %s, which %s %s, and may outlive it: no Destroy waits for a go statement; use %s.Go",
						what, types.ExprString(r.Owner), how, types.ExprString(r.Owner)),
				})
			}
		}
	}
	return nil, nil
}

// waits reports whether, behind a go statement, its function waits for something:
// then it may be for the goroutine.
func (c checker) waits(f *scan.Func, g ast.Node) bool {
	waits := false
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if _, lit := n.(*ast.FuncLit); lit || waits {
			return false
		}
		if n == nil || n.End() < g.End() {
			return true
		}
		switch x := n.(type) {
		case *ast.UnaryExpr:
			waits = waits || x.Op.String() == "<-"
		case *ast.SelectStmt:
			waits = true
		case *ast.SelectorExpr:
			waits = waits || x.Sel.Name == "Wait"
		}
		return !waits
	})
	return waits
}

// held returns something that the goroutine uses and the owner of r ends, and how.
func (c checker) held(r scan.Registration, g inspector.Cursor) (what, how string) {
	for e := range g.Preorder((*ast.Ident)(nil), (*ast.SelectorExpr)(nil)) {
		x := e.Node().(ast.Expr)
		trail := c.TrailIn(r, x)
		if len(trail) == 0 {
			continue
		}
		if scan.SameTrail(trail, c.Trail(r.Owner)) {
			return types.ExprString(x), "is"
		}
		for _, s := range c.Calls {
			if s.Is("", "", "Own", "OwnBlocking") && c.Same(s.Args[0], r.Owner) && c.isOwned(s, trail) {
				return types.ExprString(x), "closes"
			}
		}
		for _, o := range c.handlers {
			if o.Kind == scan.Cleanup && o.Func != nil && c.Same(o.Owner, r.Owner) && c.undoes(o, trail) {
				return types.ExprString(x), "cleans up"
			}
		}
	}
	return "", ""
}

func (c checker) isOwned(own scan.Site, trail []types.Object) bool {
	if scan.SameTrail(c.Trail(own.Args[1]), trail) {
		return true
	}
	as, ok := own.Cursor.Parent().Node().(*ast.AssignStmt)
	return ok && len(as.Lhs) == 1 && scan.SameTrail(c.Trail(as.Lhs[0]), trail)
}

// undoes reports whether a cleanup closes what a trail leads to, or assigns to it.
func (c checker) undoes(o scan.Registration, trail []types.Object) bool {
	for n := range o.Func.Preorder((*ast.AssignStmt)(nil), (*ast.CallExpr)(nil)) {
		switch x := n.Node().(type) {
		case *ast.AssignStmt:
			for _, l := range x.Lhs {
				if scan.SameTrail(c.TrailIn(o, l), trail) {
					return true
				}
			}
		case *ast.CallExpr:
			if id, ok := x.Fun.(*ast.Ident); ok && id.Name == "close" && len(x.Args) == 1 && scan.SameTrail(c.TrailIn(o, x.Args[0]), trail) {
				return true
			}
			if sel, ok := x.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Close" && scan.SameTrail(c.TrailIn(o, sel.X), trail) {
				return true
			}
		}
	}
	return false
}
