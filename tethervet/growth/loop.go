package growth

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/seed-ec287111/tether/tethervet/internal/scan"
)

// loop reports what a loop without an end adds to owners from outside.
func (c checker) loop(f *scan.Func, n ast.Node) {
	body, over := c.endless(f, n)
	if body == nil || c.ends(body) || c.leaves(body) {
		return
	}
	// The body, as a function that is called with every value.
	round := &scan.Func{Cursor: f.Cursor, Body: body}
	for _, a := range c.addsOf(f, nil) {
		if scan.In(a.site.Pos(), body) && c.Unconditional(a.site, round) && c.fixedIn(a, body, f) {
			c.found(a, "in every round of a loop over "+over)
		}
	}
}

// endless returns the body of a loop whose number of rounds depends on what comes
// in from outside, and over what it goes; nil for one that may be the setting up of
// a few things.
func (c checker) endless(f *scan.Func, n ast.Node) (body *ast.BlockStmt, over string) {
	switch s := n.(type) {
	case *ast.RangeStmt:
		if call, ok := scan.API(c.Info, s.X); ok && call.Is("", "", "Values") {
			return s.Body, "values"
		}
		if t := c.Info.TypeOf(s.X); t != nil {
			if _, ok := t.Underlying().(*types.Chan); ok && c.owned(f) { // else it may be the results of a few workers
				return s.Body, "a channel"
			}
		}
	case *ast.ForStmt:
		if s.Cond == nil && c.waits(s.Body) {
			return s.Body, "what comes in"
		}
	}
	return nil, ""
}

// owned reports whether f is the function of an owned goroutine.
func (c checker) owned(f *scan.Func) bool {
	return slices.ContainsFunc(c.registered, func(r scan.Registration) bool {
		return r.Kind == scan.Goroutine && r.Func == f
	})
}

// waits reports whether the first statement of a body waits for something from
// outside: it accepts, receives or calls Wait.
func (c checker) waits(body *ast.BlockStmt) bool {
	if len(body.List) == 0 {
		return false
	}
	found := false
	ast.Inspect(body.List[0], func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			found = found || x.Op == token.ARROW
		case *ast.CallExpr:
			if sel, ok := x.Fun.(*ast.SelectorExpr); ok {
				switch sel.Sel.Name {
				case "Accept", "AcceptTCP", "AcceptUnix":
					found = true
				}
			}
			if call, ok := scan.API(c.Info, x); ok && call.Is("", "", "Wait") {
				found = true
			}
		}
		return !found
	})
	return found
}

// leaves reports whether a body ends by leaving the loop.
func (c checker) leaves(body *ast.BlockStmt) bool {
	if len(body.List) == 0 {
		return true
	}
	switch s := body.List[len(body.List)-1].(type) {
	case *ast.ReturnStmt:
		return true
	case *ast.BranchStmt:
		return s.Tok != token.CONTINUE
	}
	return false
}

// fixedIn reports whether what a adds to is the same in every round of a loop.
func (c checker) fixedIn(a add, body *ast.BlockStmt, f *scan.Func) bool {
	for _, e := range append([]ast.Expr{a.owner}, a.also...) {
		trail := c.Trail(e)
		if trail == nil || scan.In(trail[0].Pos(), body) || !c.settledPath(trail) {
			return false
		}
		// A variable of the very loop, as in for s := range sessions.
		for l := range f.Preorder((*ast.RangeStmt)(nil), (*ast.ForStmt)(nil)) {
			if scan.In(body.Pos(), l.Node()) && scan.In(trail[0].Pos(), l.Node()) {
				return false
			}
		}
	}
	return true
}
