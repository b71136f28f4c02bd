package hiddenowner

import (
	"fmt"
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/seed-ec287111/tether/tethervet/internal/scan"
)

// Analyzer is the pass; the package comment says what it does.
var Analyzer = &analysis.Analyzer{
	Name:     "hiddenowner",
	Doc:      scan.Doc(doc),
	URL:      "https://" + scan.Path + "/tethervet/hiddenowner",
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
		if c.constructor(f) && !c.single(f) {
			c.check(f)
		}
	}
	return nil, nil
}

// constructor reports whether f is an exported function of a package that others
// import, which returns a struct of this package and takes nothing by which it
// could be given an owner, or told when to end.
func (c checker) constructor(f *scan.Func) bool {
	if f.Obj == nil || !f.Obj.Exported() || f.Obj.Signature().Recv() != nil || c.Types.Name() == "main" || c.Test(f.Node().Pos()) {
		return false
	}
	sig := f.Obj.Signature()
	if sig.Results().Len() == 0 || sig.Variadic() || c.made(sig.Results().At(0).Type()) == nil {
		return false
	}
	for v := range sig.Params().Variables() {
		if c.brings(v.Type()) {
			return false
		}
	}
	return true
}

// single reports whether f sets a variable of the package: then what it makes may be
// the only one, for as long as the program runs.
func (c checker) single(f *scan.Func) bool {
	for a := range f.Preorder((*ast.AssignStmt)(nil)) {
		for _, l := range a.Node().(*ast.AssignStmt).Lhs {
			if trail := c.Trail(l); len(trail) > 0 && trail[0].Parent() == c.Types.Scope() {
				return true
			}
		}
	}
	return false
}

// made returns the struct of this package that t, or what it points to, is.
func (c checker) made(t types.Type) *types.Struct {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Pkg() != c.Types {
		return nil
	}
	s, _ := n.Underlying().(*types.Struct)
	return s
}

// brings reports whether a parameter may bring an owner or an end: it is one, a
// context, a function, or a struct or interface that may hold one.
func (c checker) brings(t types.Type) bool {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return false
	case *types.Slice:
		return c.brings(u.Elem())
	case *types.Map:
		return c.brings(u.Elem())
	case *types.Struct:
		if n, ok := types.Unalias(t).(*types.Named); ok {
			if pkg := n.Obj().Pkg(); pkg != nil && !scan.IsNamed(t, "", "Owner") && pkg != c.Types {
				if _, lib := scan.APIPackage(pkg.Path()); lib {
					return false // a signal, a queue
				}
			}
		}
		return true
	}
	return true
}

// check looks for an owner that f makes and hides in what it returns.
func (c checker) check(f *scan.Func) {
	for call := range f.Preorder((*ast.CallExpr)(nil)) {
		if c.Around(call) != f {
			continue
		}
		if _, ok := c.Made(call.Node()); !ok {
			continue
		}
		field := c.field(call, f)
		if field == nil || field.Exported() || !c.hidden(field) {
			continue
		}
		n := call.Node()
		c.Report(c.pass, analysis.Diagnostic{
			Pos: n.Pos(), End: n.End(),
			Message:        fmt.Sprintf("%s makes an owner that only its result's field %s holds, and nothing ends it: take an owner as the first argument", f.Obj.Name(), field.Name()),
			SuggestedFixes: c.fix(f, call),
		})
	}
}

// field returns the field that what a call returns is put into, directly or by way
// of a variable.
func (c checker) field(call inspector.Cursor, f *scan.Func) *types.Var {
	switch call.ParentEdgeKind() {
	case edge.KeyValueExpr_Value:
		return c.fieldOf(call.Parent().Node().(*ast.KeyValueExpr).Key)
	case edge.AssignStmt_Rhs:
		as := call.Parent().Node().(*ast.AssignStmt)
		if len(as.Lhs) != len(as.Rhs) {
			return nil
		}
		l := as.Lhs[call.ParentEdgeIndex()]
		if v := c.fieldOf(l); v != nil {
			return v
		}
		return c.stored(c.Object(l), f)
	}
	return nil
}

func (c checker) fieldOf(e ast.Expr) *types.Var {
	if v, ok := c.Object(e).(*types.Var); ok && v.IsField() {
		return v
	}
	return nil
}

// stored returns the field that a variable is put into, if every other use of it
// only borrows.
func (c checker) stored(v types.Object, f *scan.Func) *types.Var {
	if v == nil {
		return nil
	}
	var field *types.Var
	for _, u := range c.UsesIn(v, f) {
		switch u.Effect {
		case scan.Borrow, scan.Assign:
		case scan.Keep:
			if u.Cursor.ParentEdgeKind() != edge.KeyValueExpr_Value || field != nil {
				return nil
			}
			field = c.fieldOf(u.Cursor.Parent().Node().(*ast.KeyValueExpr).Key)
			if field == nil {
				return nil
			}
		default:
			return nil
		}
	}
	return field
}

// hidden reports whether all that this package does with a field is to borrow it.
func (c checker) hidden(field *types.Var) bool {
	for _, u := range c.Uses(field) {
		if u.ParentEdgeKind() == edge.KeyValueExpr_Key {
			continue
		}
		if u.ParentEdgeKind() != edge.SelectorExpr_Sel {
			return false
		}
		switch c.Effect(u.Parent()) {
		case scan.Borrow, scan.Assign:
		default:
			return false
		}
	}
	return true
}

// fix makes the owner a parameter, where nothing in the package calls the function
// yet and the name is free.
func (c checker) fix(f *scan.Func, made inspector.Cursor) []analysis.SuggestedFix {
	call := made.Node().(*ast.CallExpr)
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(c.Callers(f.Obj)) > 0 || c.taken(f) {
		return nil
	}
	param := fmt.Sprintf("owner *%s.Owner", types.ExprString(sel.X))
	if f.Type.Params.NumFields() > 0 {
		param += ", "
	}
	at := f.Type.Params.Opening + 1
	return []analysis.SuggestedFix{{
		Message: "take an owner as the first argument",
		TextEdits: []analysis.TextEdit{
			{Pos: at, End: at, NewText: []byte(param)},
			{Pos: sel.Pos(), End: sel.End(), NewText: []byte("owner.NewChild")},
		},
	}}
}

func (c checker) taken(f *scan.Func) bool {
	taken := false
	ast.Inspect(f.Node(), func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == "owner" {
			if v, isVar := c.Info.ObjectOf(id).(*types.Var); !isVar || !v.IsField() {
				taken = true
			}
		}
		return !taken
	})
	return taken
}
