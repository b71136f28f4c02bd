package scan

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

// An Effect is what a use of a variable does to the owner in it.
type Effect int

const (
	Borrow Effect = iota // it is left to whoever has it
	End                  // it is ended
	Keep                 // it is handed on: returned, stored, passed to who knows what
	Assign               // the variable gets another value
)

// A Use is one of an owner's variable.
type Use struct {
	Effect
	Cursor inspector.Cursor // of the identifier
	At     ast.Node         // the identifier, or the literal inside the function in question that it stands in
}

// UsesIn returns all uses of v, a variable of f, by what they do. An assignment
// inside a literal counts as Keep, as it is not known when that runs.
func (p *Package) UsesIn(v types.Object, f *Func) []Use {
	var uses []Use
	for _, c := range p.Uses(v) {
		u := Use{p.Effect(c), c, c.Node()}
		for e := range c.Enclosing((*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
			if e == f.Cursor {
				break
			}
			u.At = e.Node()
		}
		if u.Effect == Assign && u.At != c.Node() {
			u.Effect = Keep
		}
		uses = append(uses, u)
	}
	return uses
}

// Effect returns what the use of an owner at id does to it.
func (p *Package) Effect(id inspector.Cursor) Effect {
	for id.ParentEdgeKind() == edge.ParenExpr_X {
		id = id.Parent()
	}
	parent := id.Parent()
	switch n := parent.Node().(type) {
	case *ast.SelectorExpr:
		return p.selected(n, parent)
	case *ast.CallExpr:
		if id.ParentEdgeKind() == edge.CallExpr_Args {
			return p.passed(n, id.ParentEdgeIndex())
		}
	case *ast.BinaryExpr:
		return Borrow // a comparison
	case *ast.AssignStmt:
		switch {
		case id.ParentEdgeKind() == edge.AssignStmt_Lhs:
			return Assign
		case len(n.Lhs) == len(n.Rhs) && isBlank(n.Lhs[id.ParentEdgeIndex()]):
			return Borrow
		}
	case *ast.RangeStmt:
		if id.ParentEdgeKind() != edge.RangeStmt_X {
			return Assign
		}
	}
	return Keep
}

func (p *Package) selected(n *ast.SelectorExpr, c inspector.Cursor) Effect {
	for c.ParentEdgeKind() == edge.ParenExpr_X {
		c = c.Parent()
	}
	called := c.ParentEdgeKind() == edge.CallExpr_Fun
	switch {
	case called && slices.Contains(ending, n.Sel.Name):
		return End
	case called && n.Sel.Name == "NewChild" && p.climbs && Used(c.Parent()):
		return Keep // child.Parent() is somewhere in this package
	case called && slices.Contains(borrowing, n.Sel.Name):
		return Borrow
	}
	return Keep
}

// passed returns what becomes of an owner that is the i-th argument of a call.
func (p *Package) passed(call *ast.CallExpr, i int) Effect {
	fn := Callee(p.Info, call)
	if fn == nil || fn.Pkg() == nil {
		return Keep // a builtin, a conversion, a function value
	}
	if _, ok := API(p.Info, call); ok {
		params := fn.Signature().Params()
		if i < params.Len() && IsOwner(params.At(i).Type()) {
			return Borrow
		}
		return Keep // a value: of Fire, for one
	}
	if prints(fn) {
		return Borrow
	}
	return p.ParamEffect(fn, i)
}

// prints reports whether fn is one of the standard library that looks at what it
// gets, and lets go of it.
func prints(fn *types.Func) bool {
	switch fn.Pkg().Path() {
	case "fmt", "log":
		return true
	case "runtime":
		return fn.Name() == "KeepAlive"
	}
	return false
}

// ParamEffect returns what fn does to the owner that is its i-th parameter.
func (p *Package) ParamEffect(fn *types.Func, i int) Effect {
	fact := new(Params)
	if fn.Pkg() == p.Types {
		if f := p.params[fn.Origin()]; f != nil {
			fact = f
		}
	} else {
		p.pass.ImportObjectFact(fn.Origin(), fact)
	}
	if last := fn.Signature().Params().Len() - 1; fn.Signature().Variadic() && i >= last {
		return Keep
	}
	for _, b := range fact.Borrows {
		if b == i {
			return Borrow
		}
	}
	for _, e := range fact.Ends {
		if e == i {
			return End
		}
	}
	return Keep
}

// Made returns e as a call that makes a root owner which nobody else ends: one of
// NewOwner without a context that can end, or of a function that returns such a
// one.
func (p *Package) Made(e ast.Node) (name string, ok bool) {
	call, isCall := unparen(e).(*ast.CallExpr)
	if !isCall {
		return "", false
	}
	if c, ok := API(p.Info, call); ok {
		if !c.Is("", "", "NewOwner") {
			return "", false
		}
		return "NewOwner", !p.bound(c)
	}
	if fn := Callee(p.Info, call); fn != nil && p.fresh(fn) {
		return fn.Name(), true
	}
	return "", false
}

// bound reports whether an owner is made with an option that ends it, or says that
// nobody does, or with one that can't be told.
func (p *Package) bound(c Call) bool {
	unattended, known := c.Option(p.Info, "Unattended")
	if !known || unattended != nil {
		return true
	}
	with, _ := c.Option(p.Info, "WithContext")
	if with == nil {
		return false
	}
	ctx, ok := ast.Unparen(with.Args[0]).(*ast.CallExpr)
	if !ok {
		return true
	}
	fn := Callee(p.Info, ctx)
	return fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != "context" || fn.Name() != "Background" && fn.Name() != "TODO"
}

// Child returns e as a call of NewChild without options that end the child.
func (p *Package) Child(e ast.Node) (Call, bool) {
	c, ok := API(p.Info, e)
	return c, ok && c.Is("", "Owner", "NewChild") && !p.bound(c)
}

// MayReturn reports whether a call may return, for a control-flow graph.
func (p *Package) MayReturn(call *ast.CallExpr) bool {
	if b, ok := typeutil.Callee(p.Info, call).(*types.Builtin); ok {
		return b.Name() != "panic"
	}
	fn := Callee(p.Info, call)
	if fn == nil || fn.Pkg() == nil {
		return true
	}
	switch fn.Pkg().Path() {
	case "os":
		return fn.Name() != "Exit"
	case "runtime":
		return fn.Name() != "Goexit"
	case "log":
		return !slices.Contains([]string{"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln"}, fn.Name())
	case "testing":
		return !slices.Contains([]string{"Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow"}, fn.Name())
	}
	return true
}

func isBlank(e ast.Expr) bool {
	id, ok := ast.Unparen(e).(*ast.Ident)
	return ok && id.Name == "_"
}

// Used reports whether the value of the expression at c goes anywhere.
func Used(c inspector.Cursor) bool {
	for c.ParentEdgeKind() == edge.ParenExpr_X {
		c = c.Parent()
	}
	switch n := c.Parent().Node().(type) {
	case *ast.ExprStmt, *ast.DeferStmt, *ast.GoStmt:
		return false
	case *ast.AssignStmt:
		for _, l := range n.Lhs {
			if !isBlank(l) {
				return true
			}
		}
		return n.Tok != token.ASSIGN
	}
	return true
}
