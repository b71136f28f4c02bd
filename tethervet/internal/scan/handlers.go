package scan

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/edge"
)

// A Kind says when a function that is handed to the library is called.
type Kind int

const (
	Handler   Kind = iota // with every value
	Once                  // with one value
	Goroutine             // on an owned goroutine, once
	Timer                 // by AfterFunc, once
	Cleanup               // by Defer, when the owner unwinds
	Interrupt             // at the cut-off
)

var kinds = [...]string{"handler", "handler", "owned goroutine", "timer function", "cleanup", "interrupt"}

func (k Kind) String() string { return kinds[k] }

// A returns the name of k with its article.
func (k Kind) A() string {
	if strings.ContainsRune("aeiou", rune(kinds[k][0])) {
		return "an " + kinds[k]
	}
	return "a " + kinds[k]
}

// A Registration is a call that hands a function to an owner.
type Registration struct {
	Kind
	Site  Site
	Owner ast.Expr // nil where the call has none
	Func  *Func    // nil where it can't be told
	Arg   ast.Expr
}

// Registrations returns all calls of this package that hand functions to owners:
// those of the library, and those of functions that pass them on to Connect.
func (p *Package) Registrations() []Registration {
	var all []Registration
	for _, s := range slices.Concat(p.Calls, p.likes) {
		kind, ok := kindOf(s.Call, p.Info)
		if !ok {
			continue
		}
		for i, a := range s.Args {
			if isFunc(p.Info.TypeOf(a)) && (s.Pkg != "?" || p.connects(s, i)) {
				all = append(all, Registration{kind, s, s.Owner(p.Info), p.Resolve(a), a})
			}
		}
	}
	return all
}

// connects reports whether a function that looks like Connect does nothing else
// with its i-th parameter, a function, than to connect it, to the owner that it
// is given. It must be one of this package.
func (p *Package) connects(s Site, i int) bool {
	f := p.Decl(Callee(p.Info, s.CallExpr))
	if f == nil || i >= f.Obj.Signature().Params().Len() {
		return false
	}
	uses := p.Uses(f.Obj.Signature().Params().At(i))
	if len(uses) != 1 || uses[0].ParentEdgeKind() != edge.CallExpr_Args {
		return false
	}
	inner, ok := API(p.Info, uses[0].Parent().Node())
	if !ok || inner.Name != "Connect" {
		return false
	}
	owner, _ := p.Object(inner.Owner(p.Info)).(*types.Var)
	return owner != nil && in(owner.Pos(), f.Type)
}

// like returns a call of another function as one of the library's, of no package.
func like(info *types.Info, call *ast.CallExpr) Call {
	c := Call{CallExpr: call, Pkg: "?"}
	if fn := Callee(info, call); fn != nil {
		c.Recv, c.Name = recv(fn), fn.Name()
	}
	return c
}

// SameOwner reports whether e, in the function of r, is the owner of r: literally so
// in a literal, and by way of the receiver in a method that is used as a value.
func (p *Package) SameOwner(r Registration, e ast.Expr) bool {
	return SameTrail(p.TrailIn(r, e), p.Trail(r.Owner))
}

// TrailIn returns the trail of e, in the function of r, as it is where r stands: of
// a method value, the receiver is replaced by what it is bound to.
func (p *Package) TrailIn(r Registration, e ast.Expr) []types.Object {
	trail := p.Trail(e)
	if len(trail) == 0 || r.Func.Obj == nil || trail[0] != r.Func.Receiver() {
		return trail
	}
	sel, ok := ast.Unparen(r.Arg).(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	base := p.Trail(sel.X)
	if base == nil {
		return nil
	}
	return append(slices.Clone(base), trail[1:]...)
}

func kindOf(c Call, info *types.Info) (Kind, bool) {
	switch {
	case c.Recv == "Owner" && c.Pkg == "":
		switch c.Name {
		case "Go", "GoErr":
			return Goroutine, true
		case "AfterFunc":
			return Timer, true
		case "Defer":
			return Cleanup, true
		case "Interrupt":
			return Interrupt, true
		}
		return 0, false
	case OnceLike(c.Name) && Connects(info, c.CallExpr):
		return Once, true
	case Connects(info, c.CallExpr):
		return Handler, true
	case c.Is("", "", "WhileActive"), c.Is("state", "", "NewComputed"), c.Is("keyed", "", "NewMap"), c.Is("derive", "", "Switch"):
		return Handler, true
	}
	return 0, false
}

// Connects reports whether a call looks like one of Connect: it takes an owner, and
// returns a connection.
func Connects(info *types.Info, call *ast.CallExpr) bool {
	if OwnerArg(info, call) == nil {
		return false
	}
	switch t := info.TypeOf(call).(type) {
	case *types.Tuple:
		for v := range t.Variables() {
			if IsConnection(v.Type()) {
				return true
			}
		}
		return false
	default:
		return IsConnection(t)
	}
}

// OnceLike reports whether a function's name says that what it connects is called
// once.
func OnceLike(name string) bool { return strings.Contains(name, "Once") }

// Unconditional reports whether n, in f, is reached by every call of f that does
// not end early by an error: it stands in a statement of f's body, in no branch and
// no loop, and no statement before may return for another reason than an error.
func (p *Package) Unconditional(n ast.Node, f *Func) bool { return p.reached(n, f.Body) }

func (p *Package) reached(n ast.Node, body *ast.BlockStmt) bool {
	for _, s := range body.List {
		if in(n.Pos(), s) {
			switch x := s.(type) {
			case *ast.BlockStmt:
				return p.reached(n, x)
			case *ast.IfStmt: // the statement before the condition is reached
				return x.Init != nil && in(n.Pos(), x.Init)
			case *ast.ExprStmt, *ast.AssignStmt, *ast.DeclStmt, *ast.ReturnStmt, *ast.SendStmt:
				return !inLiteralOrBranch(n, s)
			}
			return false
		}
		if !p.goesOn(s) {
			return false
		}
	}
	return false
}

// goesOn reports whether a statement can only be left at its end, or by the return
// of an error.
func (p *Package) goesOn(s ast.Stmt) bool {
	if x, ok := s.(*ast.IfStmt); ok && x.Else == nil && p.isErrorCheck(x.Cond) {
		return true
	}
	goesOn := true
	ast.Inspect(s, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt, *ast.BranchStmt:
			goesOn = false
		case *ast.CallExpr:
			goesOn = goesOn && p.MayReturn(x)
		}
		return goesOn
	})
	return goesOn
}

// isErrorCheck reports whether e is err != nil.
func (p *Package) isErrorCheck(e ast.Expr) bool {
	b, ok := ast.Unparen(e).(*ast.BinaryExpr)
	if !ok || b.Op.String() != "!=" {
		return false
	}
	id, ok := b.Y.(*ast.Ident)
	return ok && id.Name == "nil" && isError(p.Info.TypeOf(b.X))
}

func isError(t types.Type) bool {
	return t != nil && types.Identical(t, types.Universe.Lookup("error").Type())
}

// inLiteralOrBranch reports whether n stands in a function literal of s, or on the
// right of && or ||.
func inLiteralOrBranch(n ast.Node, s ast.Node) bool {
	found := false
	ast.Inspect(s, func(x ast.Node) bool {
		if x == nil || !in(n.Pos(), x) || x == n {
			return false
		}
		switch y := x.(type) {
		case *ast.FuncLit:
			found = true
		case *ast.BinaryExpr:
			op := y.Op.String()
			found = found || (op == "&&" || op == "||") && in(n.Pos(), y.Y)
		}
		return !found
	})
	return found
}
