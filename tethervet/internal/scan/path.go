package scan

import (
	"go/ast"
	"go/token"
	"go/types"
)

// Trail returns the variable that e begins with and the fields it goes through,
// for expressions like x, x.f.g, &x.f and *x; nil for everything else.
func (p *Package) Trail(e ast.Expr) []types.Object {
	switch x := ast.Unparen(e).(type) {
	case *ast.Ident:
		if v, ok := p.Object(x).(*types.Var); ok {
			return []types.Object{v}
		}
	case *ast.SelectorExpr:
		v, ok := p.Object(x).(*types.Var)
		if !ok {
			return nil
		}
		if !v.IsField() {
			return []types.Object{v} // pkg.Var
		}
		if base := p.Trail(x.X); base != nil {
			return append(base, v)
		}
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			return p.Trail(x.X)
		}
	case *ast.StarExpr:
		return p.Trail(x.X)
	}
	return nil
}

// Same reports whether two expressions certainly name the same thing, while none
// of the variables on the way is assigned to.
func (p *Package) Same(a, b ast.Expr) bool {
	return SameTrail(p.Trail(a), p.Trail(b))
}

// SameTrail reports whether two trails are equal, and there are any.
func SameTrail(a, b []types.Object) bool {
	if len(a) == 0 || len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Shared reports whether two expressions in different functions can be taken for
// the same thing: the same trail, or the same field of receivers or variables of
// one type, of which a method usually has only one in hand.
func (p *Package) Shared(a, b ast.Expr) bool {
	x, y := p.Trail(a), p.Trail(b)
	if SameTrail(x, y) {
		return true
	}
	if len(x) < 2 || len(x) != len(y) {
		return false
	}
	return SameTrail(x[1:], y[1:]) && types.Identical(deref(x[0].Type()), deref(y[0].Type()))
}

func deref(t types.Type) types.Type {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

// Fixed reports whether e is certainly the same thing in every call of f: it comes
// from outside of f, and nobody assigns to what it goes through. The receiver of a
// method counts as outside, as a method value binds it.
func (p *Package) Fixed(e ast.Expr, f *Func) bool {
	if call, ok := ast.Unparen(e).(*ast.CallExpr); ok {
		if c, ok := API(p.Info, call); ok && c.Name == "Changes" { // of a state.Readable
			return p.Fixed(c.Receiver(), f)
		}
		return false
	}
	trail := p.Trail(e)
	if trail == nil {
		return false
	}
	for i, obj := range trail {
		if i == 0 && in(obj.Pos(), f.Node()) && obj != f.receiver() {
			return false
		}
		if i == 0 && obj == f.receiver() && isValue(obj.Type()) && len(trail) == 1 {
			return false
		}
		if !p.Settled(obj) {
			return false
		}
	}
	return true
}

func isValue(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.Pointer)
	return !ok
}

// Settled reports whether nobody assigns to obj, but for the function that makes
// what it is a field of.
func (p *Package) Settled(obj types.Object) bool {
	for _, w := range p.writes[obj] {
		as, ok := w.Node().(*ast.AssignStmt)
		if !ok {
			return false
		}
		f := p.Around(w)
		for _, l := range as.Lhs {
			if p.Object(l) != obj {
				continue
			}
			trail := p.Trail(l)
			if f == nil || len(trail) < 2 || !p.madeIn(trail[0], f) {
				return false
			}
		}
	}
	return true
}

// madeIn reports whether v is a variable of f that is declared with a new struct.
func (p *Package) madeIn(v types.Object, f *Func) bool {
	if !in(v.Pos(), f.Body) {
		return false
	}
	value := p.values[v]
	if u, ok := value.(*ast.UnaryExpr); ok {
		value = u.X
	}
	switch x := value.(type) {
	case *ast.CompositeLit:
		return true
	case *ast.CallExpr:
		id, ok := x.Fun.(*ast.Ident)
		return ok && id.Name == "new"
	}
	return false
}

// receiver returns the receiver of a method, or nil.
func (f *Func) receiver() types.Object {
	if f.Obj == nil {
		return nil
	}
	if r := f.Obj.Signature().Recv(); r != nil {
		return r
	}
	return nil
}

// Receiver returns the receiver of a method, or nil.
func (f *Func) Receiver() types.Object { return f.receiver() }

// Joined returns base with the fields that e has behind its first variable, as an
// expression that has the types of both.
func (p *Package) Joined(base, e ast.Expr) ast.Expr {
	switch x := ast.Unparen(e).(type) {
	case *ast.Ident:
		return base
	case *ast.SelectorExpr:
		if b := p.Joined(base, x.X); b != nil {
			return &ast.SelectorExpr{X: b, Sel: x.Sel}
		}
	case *ast.UnaryExpr:
		return p.Joined(base, x.X)
	}
	return nil
}
