// Package scan reads a package that uses the library: which functions it has, what
// it calls of the library, and what becomes of its owners. The analyzers of
// tethervet share it, so that a package is read once.
//
// It answers questions of the kind "is this the same owner in every call?", and
// answers no where it can't tell. All analyzers are silent then.
package scan

import (
	"go/ast"
	"go/token"
	"go/types"
	"reflect"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
)

// Analyzer computes a *Package, and facts about functions that take or return
// owners, for the packages that import this one.
var Analyzer = &analysis.Analyzer{
	Name:       "tetherscan",
	Doc:        "reads how a package uses tether; reports nothing by itself",
	URL:        "https://" + Path + "/tethervet",
	Run:        run,
	ResultType: reflect.TypeFor[*Package](),
	FactTypes:  []analysis.Fact{new(Params), new(Fresh), new(Reads)},
}

// A Package is what was read of a package. The zero Package is that of one which
// does not use the library; it has no functions and no calls.
type Package struct {
	Info  *types.Info
	Fset  *token.FileSet
	Types *types.Package
	Funcs []*Func // declarations and literals that have a body
	Calls []Site  // of the library

	likes   []Site // calls of other functions that take an owner and return a connection
	climbs  bool   // from a child to its parent, somewhere
	params  map[*types.Func]*Params
	pass    *analysis.Pass
	byNode  map[ast.Node]*Func
	byObj   map[*types.Func]*Func
	callers map[*types.Func][]inspector.Cursor
	uses    map[types.Object][]inspector.Cursor // but for the one that declares it
	values  map[types.Object]ast.Expr           // what it was declared with
	writes  map[types.Object][]inspector.Cursor // assignments after that
	ignored map[line][]directive
}

// A Func is a function with a body.
type Func struct {
	inspector.Cursor
	Obj   *types.Func // nil for a literal
	Type  *ast.FuncType
	Body  *ast.BlockStmt
	Outer *Func // that a literal stands in
}

// A Site is a call of the library and where it stands.
type Site struct {
	Call
	Cursor inspector.Cursor
}

// Of returns the Package that a pass which requires Analyzer works on.
func Of(pass *analysis.Pass) *Package { return pass.ResultOf[Analyzer].(*Package) }

func run(pass *analysis.Pass) (any, error) {
	if !concerns(pass.Pkg) {
		return new(Package), nil
	}
	p := &Package{
		Info: pass.TypesInfo, Fset: pass.Fset, Types: pass.Pkg, pass: pass,
		byNode:  make(map[ast.Node]*Func),
		byObj:   make(map[*types.Func]*Func),
		callers: make(map[*types.Func][]inspector.Cursor),
		uses:    make(map[types.Object][]inspector.Cursor),
		values:  make(map[types.Object]ast.Expr),
		writes:  make(map[types.Object][]inspector.Cursor),
		ignored: directives(pass.Fset, pass.Files),
	}
	p.read(inspector.New(pass.Files).Root())
	p.exportFacts()
	return p, nil
}

// concerns reports whether a package imports one of the library's, or is one.
func concerns(pkg *types.Package) bool {
	if _, ok := APIPackage(pkg.Path()); ok {
		return true
	}
	for _, i := range pkg.Imports() {
		if _, ok := APIPackage(i.Path()); ok {
			return true
		}
	}
	return false
}

func (p *Package) read(root inspector.Cursor) {
	for c := range root.Preorder(
		(*ast.FuncDecl)(nil), (*ast.FuncLit)(nil), (*ast.CallExpr)(nil), (*ast.Ident)(nil),
		(*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil), (*ast.IncDecStmt)(nil), (*ast.RangeStmt)(nil), (*ast.UnaryExpr)(nil),
	) {
		switch n := c.Node().(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				obj, _ := p.Info.Defs[n.Name].(*types.Func)
				p.add(&Func{Cursor: c, Obj: obj, Type: n.Type, Body: n.Body})
			}
		case *ast.FuncLit:
			p.add(&Func{Cursor: c, Type: n.Type, Body: n.Body, Outer: p.Around(c)})
		case *ast.CallExpr:
			if call, ok := API(p.Info, n); ok {
				p.Calls = append(p.Calls, Site{call, c})
				p.climbs = p.climbs || call.Is("", "Owner", "Parent")
			} else if Connects(p.Info, n) {
				p.likes = append(p.likes, Site{like(p.Info, n), c})
			}
			if fn := Callee(p.Info, n); fn != nil && fn.Pkg() == p.Types {
				p.callers[fn] = append(p.callers[fn], c)
			}
		case *ast.Ident:
			if obj := p.Info.Uses[n]; obj != nil {
				obj = origin(obj)
				p.uses[obj] = append(p.uses[obj], c)
			}
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				var value ast.Expr
				if len(n.Lhs) == len(n.Rhs) {
					value = n.Rhs[i]
				}
				p.write(c, l, value, n.Tok == token.DEFINE)
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				var value ast.Expr
				if len(n.Names) == len(n.Values) {
					value = n.Values[i]
				}
				p.write(c, name, value, true)
			}
		case *ast.IncDecStmt:
			p.write(c, n.X, nil, false)
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if e != nil {
					p.write(c, e, nil, n.Tok == token.DEFINE)
				}
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND { // somebody may write through it
				if v, ok := p.Object(n.X).(*types.Var); ok && (IsOwner(v.Type()) || isFunc(v.Type())) {
					p.writes[v] = append(p.writes[v], c)
				}
			}
		}
	}
}

func (p *Package) add(f *Func) {
	p.Funcs = append(p.Funcs, f)
	p.byNode[f.Node()] = f
	if f.Obj != nil {
		p.byObj[f.Obj] = f
	}
}

// write notes that the thing named by e is given a value.
func (p *Package) write(c inspector.Cursor, e ast.Expr, value ast.Expr, define bool) {
	id, ok := e.(*ast.Ident)
	if ok && define {
		if obj := p.Info.Defs[id]; obj != nil {
			p.values[obj] = value
			return
		}
	}
	if obj := p.Object(e); obj != nil {
		p.writes[obj] = append(p.writes[obj], c)
	}
}

// Object returns the variable or field that e names, or nil.
func (p *Package) Object(e ast.Expr) types.Object {
	switch x := ast.Unparen(e).(type) {
	case *ast.Ident:
		return origin(p.Info.ObjectOf(x))
	case *ast.SelectorExpr:
		return origin(p.Info.ObjectOf(x.Sel))
	}
	return nil
}

func origin(obj types.Object) types.Object {
	switch x := obj.(type) {
	case *types.Var:
		return x.Origin()
	case *types.Func:
		return x.Origin()
	}
	return obj
}

func isFunc(t types.Type) bool {
	_, ok := t.Underlying().(*types.Signature)
	return ok
}

// Around returns the innermost function that c stands in, or nil.
func (p *Package) Around(c inspector.Cursor) *Func {
	for e := range c.Parent().Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		if f := p.byNode[e.Node()]; f != nil {
			return f
		}
	}
	return nil
}

// Decl returns the function of this package that fn is, if it has a body.
func (p *Package) Decl(fn *types.Func) *Func {
	if fn == nil {
		return nil
	}
	return p.byObj[fn.Origin()]
}

// Callers returns the calls of a function of this package.
func (p *Package) Callers(fn *types.Func) []inspector.Cursor { return p.callers[fn] }

// Uses returns the identifiers that name obj, but for the one that declares it.
func (p *Package) Uses(obj types.Object) []inspector.Cursor { return p.uses[origin(obj)] }

// Written reports whether obj is assigned to after its declaration.
func (p *Package) Written(obj types.Object) bool { return len(p.writes[origin(obj)]) > 0 }

// WrittenIn reports whether that happens in a node.
func (p *Package) WrittenIn(obj types.Object, n ast.Node) bool {
	for _, w := range p.writes[origin(obj)] {
		if in(w.Node().Pos(), n) {
			return true
		}
	}
	return false
}

// Value returns what the variable e was declared with, if that is all that it is
// ever given; else nil.
func (p *Package) Value(e ast.Expr) ast.Expr {
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok {
		return nil
	}
	obj := p.Info.ObjectOf(id)
	if obj == nil || p.Written(obj) {
		return nil
	}
	return p.values[obj]
}

// Resolve returns the function that e, used as a value, is: a literal, a function
// or method of this package, or a variable that is only ever one of these.
func (p *Package) Resolve(e ast.Expr) *Func {
	e = uninstantiated(e)
	switch x := ast.Unparen(e).(type) {
	case *ast.FuncLit:
		return p.byNode[x]
	case *ast.Ident, *ast.SelectorExpr:
		if fn, ok := p.Object(e).(*types.Func); ok {
			return p.Decl(fn)
		}
		if v := p.Value(e); v != nil {
			if lit, ok := ast.Unparen(v).(*ast.FuncLit); ok {
				return p.byNode[lit]
			}
		}
	}
	return nil
}

// Test reports whether a position is in a test file.
func (p *Package) Test(pos token.Pos) bool {
	return strings.HasSuffix(p.Fset.File(pos).Name(), "_test.go")
}

// Line returns the number of the line of a position.
func (p *Package) Line(pos token.Pos) int { return p.Fset.Position(pos).Line }

func in(pos token.Pos, n ast.Node) bool { return n.Pos() <= pos && pos < n.End() }

// In reports whether a position is in a node.
func In(pos token.Pos, n ast.Node) bool { return in(pos, n) }
