package selfdestroy

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/seed-ec287111/tether/tethervet/internal/scan"
)

// Analyzer is the pass; the package comment says what it does.
var Analyzer = &analysis.Analyzer{
	Name:     "selfdestroy",
	Doc:      scan.Doc(doc),
	URL:      "https://" + scan.Path + "/tethervet/selfdestroy",
	Run:      run,
	Requires: []*analysis.Analyzer{scan.Analyzer},
}

type checker struct {
	*scan.Package
	pass     *analysis.Pass
	handlers []scan.Registration
	reported map[token.Pos]bool
}

func run(pass *analysis.Pass) (any, error) {
	c := checker{scan.Of(pass), pass, nil, make(map[token.Pos]bool)}
	c.handlers = c.Registrations()
	for _, r := range c.handlers {
		if r.Func != nil && r.Owner != nil && r.Site.Pkg != "?" && c.Fixed(r.Owner, r.Func) {
			c.ended(r)
			if r.Kind != scan.Cleanup && r.Kind != scan.Interrupt {
				c.destroyed(r)
			}
		}
	}
	return nil, nil
}

func (c checker) found(at ast.Node, format string, args ...any) {
	if !c.reported[at.Pos()] {
		c.reported[at.Pos()] = true
		c.Report(c.pass, analysis.Diagnostic{Pos: at.Pos(), End: at.End(), Message: fmt.Sprintf(format, args...)})
	}
}

// ended reports a receive from the Ended of the very owner that waits for this
// function to return.
func (c checker) ended(r scan.Registration) {
	for e := range r.Func.Preorder((*ast.UnaryExpr)(nil)) {
		u := e.Node().(*ast.UnaryExpr)
		if u.Op != token.ARROW || c.Around(e) != r.Func || c.amongOthers(e) {
			continue
		}
		if call, ok := scan.API(c.Info, u.X); ok && call.Is("", "Owner", "Ended") && c.SameOwner(r, call.Receiver()) {
			c.found(u, "%s has ended only when this %s has returned, which waits for that: it hangs", types.ExprString(call.Receiver()), r.Kind)
		}
	}
}

// amongOthers reports whether a receive is one case of several.
func (c checker) amongOthers(e inspector.Cursor) bool {
	for s := range e.Enclosing((*ast.SelectStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		sel, ok := s.Node().(*ast.SelectStmt)
		if !ok {
			return false
		}
		for clause := range e.Enclosing((*ast.CommClause)(nil)) {
			cc := clause.Node().(*ast.CommClause)
			return cc.Comm != nil && scan.In(e.Node().Pos(), cc.Comm) && len(sel.Body.List) > 1
		}
	}
	return false
}

// destroyed looks at what follows a Destroy of the function's own owner.
func (c checker) destroyed(r scan.Registration) {
	for e := range r.Func.Preorder((*ast.CallExpr)(nil)) {
		call, ok := scan.API(c.Info, e.Node())
		if !ok || c.Around(e) != r.Func || !call.Is("", "Owner", "Destroy") || !c.SameOwner(r, call.Receiver()) {
			continue
		}
		switch e.ParentEdgeKind() {
		case edge.DeferStmt_Call, edge.GoStmt_Call:
			continue
		}
		c.failing(r, e)
		stmt, rest := after(e)
		if stmt == nil {
			continue
		}
		for _, s := range rest {
			c.relies(r, s)
		}
	}
}

// after returns the statement of a block that e stands in, and those behind it.
func after(e inspector.Cursor) (ast.Stmt, []ast.Stmt) {
	for ; ; e = e.Parent() {
		switch e.ParentEdgeKind() {
		case edge.BlockStmt_List:
			return rest(e, e.Parent().Node().(*ast.BlockStmt).List)
		case edge.CaseClause_Body:
			return rest(e, e.Parent().Node().(*ast.CaseClause).Body)
		case edge.CommClause_Body:
			return rest(e, e.Parent().Node().(*ast.CommClause).Body)
		case edge.Invalid:
			return nil, nil
		}
	}
}

func rest(e inspector.Cursor, list []ast.Stmt) (ast.Stmt, []ast.Stmt) {
	s := e.Node().(ast.Stmt)
	return s, list[slices.Index(list, s)+1:]
}

// failing reports the error of a Destroy that is taken for a failure: it is always
// ErrPending here.
func (c checker) failing(r scan.Registration, e inspector.Cursor) {
	if c.mentions(r.Func.Node(), "ErrPending") || c.mentions(r.Func.Node(), "PendingError") {
		return
	}
	const message = "Destroy inside %s of %s does not wait, and returns ErrPending: that is no failure"
	if outer, ok := e.Parent().Node().(*ast.CallExpr); ok && slices.Contains(outer.Args, e.Node().(ast.Expr)) {
		if fn := scan.Callee(c.Info, outer); fn != nil && fn.Name() == "NoError" {
			c.found(e.Node(), message, r.Kind.A(), types.ExprString(r.Owner))
		}
		return
	}
	as, ok := e.Parent().Node().(*ast.AssignStmt)
	if !ok || len(as.Lhs) != 1 {
		return
	}
	err := c.Object(as.Lhs[0])
	for s := range e.Enclosing((*ast.IfStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		check, ok := s.Node().(*ast.IfStmt)
		if !ok || check.Init != as {
			break
		}
		b, ok := check.Cond.(*ast.BinaryExpr)
		if ok && b.Op == token.NEQ && err != nil && c.Object(b.X) == err && c.fails(check.Body) {
			c.found(e.Node(), message, r.Kind.A(), types.ExprString(r.Owner))
		}
		break
	}
}

// fails reports whether a body ends the program or the test.
func (c checker) fails(body *ast.BlockStmt) bool {
	fails := false
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if !c.MayReturn(call) {
			fails = true
		}
		if fn := scan.Callee(c.Info, call); fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == "testing" && strings.HasPrefix(fn.Name(), "Error") {
			fails = true
		}
		return !fails
	})
	return fails
}

func (c checker) mentions(n ast.Node, name string) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == name
		return !found
	})
	return found
}

// relies reports what, in a statement behind the Destroy, is true only when the
// teardown is over.
func (c checker) relies(r scan.Registration, s ast.Stmt) {
	owner := types.ExprString(r.Owner)
	ast.Inspect(s, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if b, ok := x.Fun.(*ast.Ident); ok && b.Name == "close" && len(x.Args) == 1 && c.Info.Uses[b] == types.Universe.Lookup("close") {
				if c.sent(x.Args[0], r) {
					c.found(x, "Destroy inside %s of %s does not wait: what still runs of it may send on %s, which panics when it is closed; close it in a cleanup", r.Kind.A(), owner, types.ExprString(x.Args[0]))
				}
			}
		case *ast.AssignStmt:
			for _, e := range x.Rhs {
				c.reads(r, e)
			}
			return false
		case *ast.Ident, *ast.SelectorExpr:
			c.reads(r, x.(ast.Expr))
			return false
		}
		return true
	})
}

// sent reports whether a handler or goroutine of the same owner sends on ch.
func (c checker) sent(ch ast.Expr, r scan.Registration) bool {
	for _, o := range c.handlers {
		if o.Func == nil || o.Kind > scan.Timer || !c.Same(o.Owner, r.Owner) || o.Func == r.Func {
			continue
		}
		for s := range o.Func.Preorder((*ast.SendStmt)(nil)) {
			if scan.SameTrail(c.TrailIn(o, s.Node().(*ast.SendStmt).Chan), c.TrailIn(r, ch)) {
				return true
			}
		}
	}
	return false
}

// reads reports what e reads of what only a cleanup of the owner writes.
func (c checker) reads(r scan.Registration, e ast.Expr) {
	ast.Inspect(e, func(n ast.Node) bool {
		x, ok := n.(ast.Expr)
		if _, lit := n.(*ast.FuncLit); lit || !ok {
			return !lit
		}
		trail := c.Trail(x)
		if len(trail) == 0 {
			return true
		}
		if c.writtenByCleanup(x, r) {
			c.found(x, "Destroy inside %s of %s does not wait: the cleanup that sets %s runs after this", r.Kind.A(), types.ExprString(r.Owner), types.ExprString(x))
		}
		return false
	})
}

func (c checker) writtenByCleanup(x ast.Expr, r scan.Registration) bool {
	v := c.Object(x)
	if v == nil || c.WrittenIn(v, r.Func.Node()) {
		return false
	}
	for _, o := range c.handlers {
		if o.Kind == scan.Cleanup && o.Func != nil && c.Same(o.Owner, r.Owner) && c.WrittenIn(v, o.Func.Node()) && c.writes(o, c.TrailIn(r, x)) {
			return true
		}
	}
	return false
}

// writes reports whether a cleanup assigns to x itself, and not to the same field of
// something else.
func (c checker) writes(o scan.Registration, x []types.Object) bool {
	for a := range o.Func.Preorder((*ast.AssignStmt)(nil), (*ast.IncDecStmt)(nil)) {
		switch s := a.Node().(type) {
		case *ast.AssignStmt:
			for _, l := range s.Lhs {
				if scan.SameTrail(c.TrailIn(o, l), x) {
					return true
				}
			}
		case *ast.IncDecStmt:
			if scan.SameTrail(c.TrailIn(o, s.X), x) {
				return true
			}
		}
	}
	return false
}
