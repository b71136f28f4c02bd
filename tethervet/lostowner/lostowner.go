package lostowner

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/seed-ec287111/tether/tethervet/internal/scan"
)

// Analyzer is the pass; the package comment says what it does.
var Analyzer = &analysis.Analyzer{
	Name:     "lostowner",
	Doc:      scan.Doc(doc),
	URL:      "https://" + scan.Path + "/tethervet/lostowner",
	Run:      run,
	Requires: []*analysis.Analyzer{scan.Analyzer},
}

type checker struct {
	*scan.Package
	pass *analysis.Pass
}

func run(pass *analysis.Pass) (any, error) {
	c := checker{scan.Of(pass), pass}
	for _, f := range c.Funcs {
		for call := range f.Preorder((*ast.CallExpr)(nil)) {
			if c.Around(call) == f {
				c.check(f, call)
			}
		}
	}
	return nil, nil
}

// A creation is a call that makes an owner, and what becomes of that.
type creation struct {
	what string // for messages
	call inspector.Cursor
	f    *scan.Func
	root bool
}

func (c checker) check(f *scan.Func, call inspector.Cursor) {
	made := creation{call: call, f: f}
	if name, ok := c.Made(call.Node()); ok {
		made.what, made.root = fmt.Sprintf("the root owner that %s makes", name), true
	} else if child, ok := c.Child(call.Node()); ok && c.outlives(child.Receiver(), f) {
		made.what = "the child that NewChild makes"
	} else {
		return
	}
	v, dropped := c.variable(call)
	switch {
	case dropped && made.root && !c.main(f):
		c.report(made, nil, "%s is lost at once: nobody can destroy it", made.what)
	case v != nil && in(v, f):
		c.follow(made, v)
	}
}

func in(v *types.Var, f *scan.Func) bool { return scan.In(v.Pos(), f.Body) }

// main reports whether the end of f is that of the program.
func (c checker) main(f *scan.Func) bool {
	return f.Obj != nil && f.Obj.Name() == "main" && c.Types.Name() == "main" && f.Obj.Signature().Recv() == nil
}

// variable returns the local variable that the result of call is put into, or
// whether it is dropped: nothing but a borrower sees it.
func (c checker) variable(call inspector.Cursor) (v *types.Var, dropped bool) {
	for {
		if _, ok := call.Parent().Node().(*ast.ParenExpr); !ok {
			break
		}
		call = call.Parent()
	}
	switch n := call.Parent().Node().(type) {
	case *ast.ExprStmt:
		return nil, true
	case *ast.AssignStmt:
		if len(n.Lhs) != len(n.Rhs) {
			return nil, false
		}
		for i, r := range n.Rhs {
			if r != call.Node() {
				continue
			}
			id, ok := n.Lhs[i].(*ast.Ident)
			if !ok {
				return nil, false
			}
			if id.Name == "_" {
				return nil, true
			}
			v, _ = c.Info.ObjectOf(id).(*types.Var)
		}
		return v, false
	case *ast.ValueSpec:
		for i, r := range n.Values {
			if r == call.Node() && len(n.Names) == len(n.Values) {
				v, _ = c.Info.ObjectOf(n.Names[i]).(*types.Var)
			}
		}
		return v, false
	}
	return nil, c.Effect(call) == scan.Borrow && !c.climbable(call)
}

// climbable reports whether the owner that call makes has nothing but a child for a
// handle: NewOwner("a").NewChild("b"), of which Parent leads back.
func (c checker) climbable(call inspector.Cursor) bool {
	chain := call.Parent().Parent()
	next, ok := scan.API(c.Info, chain.Node())
	if !ok || !next.Is("", "Owner", "NewChild", "Parent") || !scan.Used(chain) {
		return false
	}
	return next.Name == "Parent" || c.Effect(chain) != scan.Borrow || c.climbable(chain)
}

// outlives reports whether an owner comes from outside of f, and not from a
// function around it, which may end it.
func (c checker) outlives(owner ast.Expr, f *scan.Func) bool {
	trail := c.Trail(owner)
	if trail == nil || f.Outer != nil {
		return false
	}
	return !scan.In(trail[0].Pos(), f.Body)
}

// follow asks what becomes of the owner in v.
func (c checker) follow(made creation, v *types.Var) {
	uses := c.UsesIn(v, made.f)
	ends, kept := 0, 0
	for _, u := range uses {
		switch u.Effect {
		case scan.End:
			ends++
		case scan.Keep:
			kept++
		}
	}
	switch {
	case ends+kept > 0:
		if made.root || ends > 0 && kept == 0 {
			c.walk(made, v, uses)
		}
	case made.root && !c.main(made.f) && c.leaves(made):
		c.report(made, c.deferDestroy(made, v), "%s is never destroyed: defer %s.Destroy(), or hand it to who does", made.what, v.Name())
	case !made.root:
		c.many(made, v)
	}
}

// many reports a child that nobody can end before its parent, if it is plain that
// there are many of them: it is made in a method, from an owner that the receiver
// has, and its name depends on what the method was called with.
func (c checker) many(made creation, v *types.Var) {
	call, _ := c.Child(made.call.Node())
	trail := c.Trail(call.Receiver())
	recv := made.f.Receiver()
	if recv == nil || len(trail) < 2 || trail[0] != recv || c.Test(call.Pos()) {
		return
	}
	dynamic := false
	params := made.f.Obj.Signature().Params()
	ast.Inspect(call.Args[0], func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			for p := range params.Variables() {
				dynamic = dynamic || c.Info.Uses[id] == p
			}
		}
		return true
	})
	// What the child carries may be why it is there: it is quiet for its own sake
	// only if it carries cleanups alone.
	if dynamic && c.onlyCleanups(v, made.f) {
		c.report(made, nil, "the child that NewChild makes, with another name in each call, can't be ended before its parent: destroy %s, or hand it to who does", v.Name())
	}
}

// onlyCleanups reports whether v is used for nothing but cleanups of its own.
func (c checker) onlyCleanups(v *types.Var, f *scan.Func) bool {
	for _, u := range c.UsesIn(v, f) {
		sel, ok := u.Cursor.Parent().Node().(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Defer" {
			return false
		}
	}
	return true
}

// deferDestroy is a fix: a statement on the line behind the one that makes the
// owner.
func (c checker) deferDestroy(made creation, v *types.Var) []analysis.SuggestedFix {
	for s := range made.call.Enclosing((*ast.AssignStmt)(nil), (*ast.DeclStmt)(nil)) {
		file := c.Fset.File(s.Node().End())
		line := file.Line(s.Node().End()) + 1
		if s.Parent().Node() != made.f.Body || line > file.LineCount() {
			return nil // in a loop or branch, a defer would be late
		}
		at := file.LineStart(line)
		return []analysis.SuggestedFix{{
			Message:   fmt.Sprintf("defer %s.Destroy()", v.Name()),
			TextEdits: []analysis.TextEdit{{Pos: at, End: at, NewText: fmt.Appendf(nil, "\tdefer %s.Destroy()\n", v.Name())}},
		}}
	}
	return nil
}

func (c checker) report(made creation, fixes []analysis.SuggestedFix, format string, args ...any) {
	n := made.call.Node()
	c.Report(c.pass, analysis.Diagnostic{Pos: n.Pos(), End: n.End(), Message: fmt.Sprintf(format, args...), SuggestedFixes: fixes})
}

// related points at where an owner is lost.
func related(pos token.Pos, message string) []analysis.RelatedInformation {
	return []analysis.RelatedInformation{{Pos: pos, Message: message}}
}
