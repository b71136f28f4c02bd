package underlock

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/seed-ec287111/tether/tethervet/internal/scan"
)

// An ancestor is an owner whose Destroy waits for what another one holds: that
// itself, or one that it was made of by NewChild.
type ancestor struct {
	owner ast.Expr
	made  *ast.CallExpr // the call of the function that registers, by whose argument it was found; or nil
}

// ancestors follows an owner to those that it is known to live under: through
// NewChild, variables, fields that are given a child where they are made, and
// parameters, to the calls of the function.
func (c checker) ancestors(owner ast.Expr, at ast.Node, depth int) []ancestor {
	if depth > 4 {
		return nil
	}
	if child, ok := scan.API(c.Info, owner); ok {
		if child.Is("", "Owner", "NewChild") {
			return c.ancestors(child.Receiver(), at, depth+1)
		}
		return nil
	}
	all := []ancestor{{owner: owner}}
	if v := c.Value(owner); v != nil {
		return append(all, c.ancestors(v, at, depth+1)...)
	}
	id, ok := ast.Unparen(owner).(*ast.Ident)
	if !ok {
		return all
	}
	p := c.Object(id)
	f := c.enclosing(at, p)
	if f == nil || c.Written(p) {
		return all
	}
	params := f.Obj.Signature().Params()
	for i := range params.Len() {
		if params.At(i) != p {
			continue
		}
		for _, call := range c.Callers(f.Obj) {
			n := call.Node().(*ast.CallExpr)
			if i >= len(n.Args) {
				continue
			}
			for _, a := range c.ancestors(n.Args[i], n, depth+1) {
				a.made = n
				all = append(all, a)
			}
		}
	}
	return all
}

// enclosing returns the declared function that has p for a parameter.
func (c checker) enclosing(at ast.Node, p types.Object) *scan.Func {
	for _, f := range c.Funcs {
		if f.Obj != nil && scan.In(at.Pos(), f.Node()) && p != nil && scan.In(p.Pos(), f.Type) {
			return f
		}
	}
	return nil
}

// sameThing reports whether the mutex that is held and the one that a function of r
// takes are certainly one: the same variable; or fields of one thing, which is also
// where the owner is found; or the thing is what the function made that registers.
func (c checker) sameThing(owner ast.Expr, a ancestor, l lock, r scan.Registration) bool {
	taken := c.lockIn(r.Func, l)
	if c.Same(taken, l.mutex) {
		return true
	}
	if a.made != nil {
		root := c.Trail(l.mutex)[0]
		return c.declaredBy(root, a.made)
	}
	return c.together(owner, a.owner, l, r)
}

// together reports whether what is waited for and the mutex are fields of one
// thing, both where the lock is held and where r registers.
func (c checker) together(waited, registered ast.Expr, l lock, r scan.Registration) bool {
	taken := c.lockIn(r.Func, l)
	if taken == nil {
		return false
	}
	if c.Same(taken, l.mutex) && c.Same(waited, registered) {
		return true
	}
	x, y := c.Trail(waited), c.Trail(l.mutex)
	if len(x) < 2 || len(y) < 2 || !slices.Equal(x[:len(x)-1], y[:len(y)-1]) {
		return false
	}
	u, v := c.Trail(registered), c.TrailIn(r, taken)
	return len(u) == len(x) && len(v) == len(y) && slices.Equal(u[:len(u)-1], v[:len(v)-1])
}

// declaredBy reports whether v is declared with a call.
func (c checker) declaredBy(v types.Object, call *ast.CallExpr) bool {
	for _, id := range c.Uses(v) {
		value := c.Value(id.Node().(*ast.Ident))
		return value != nil && ast.Unparen(value) == call
	}
	return false
}
