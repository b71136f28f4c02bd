package scan

import (
	"fmt"
	"go/ast"
	"go/types"
)

// Params is a fact about a function that takes owners: which of its parameters it
// only borrows, and which it ends on every path. The others it may have kept.
type Params struct{ Borrows, Ends []int }

func (*Params) AFact()           {}
func (p *Params) String() string { return fmt.Sprintf("borrows %v, ends %v", p.Borrows, p.Ends) }

// Fresh is a fact about a function that returns a root owner which it made and
// nobody else can end.
type Fresh struct{}

func (*Fresh) AFact()         {}
func (*Fresh) String() string { return "fresh" }

// exportFacts finds and exports the facts about this package's functions. A
// function that passes an owner on is looked at again when more is known of the
// one it calls; what calls itself stays unknown.
func (p *Package) exportFacts() {
	p.params = make(map[*types.Func]*Params)
	for again := true; again; {
		again = false
		for _, f := range p.Funcs {
			if f.Obj == nil {
				continue
			}
			if fact := p.paramsOf(f); fact != nil && !same(fact, p.params[f.Obj.Origin()]) {
				p.params[f.Obj.Origin()] = fact
				again = true
			}
		}
	}
	for fn, fact := range p.params {
		p.pass.ExportObjectFact(fn, fact)
	}
	for _, f := range p.Funcs {
		if f.Obj != nil && p.returnsFresh(f) {
			p.pass.ExportObjectFact(f.Obj, new(Fresh))
		}
	}
	p.exportReads()
}

func same(a, b *Params) bool {
	return b != nil && len(a.Borrows) == len(b.Borrows) && len(a.Ends) == len(b.Ends)
}

func (p *Package) paramsOf(f *Func) *Params {
	var fact Params
	params := f.Obj.Signature().Params()
	for i := range params.Len() {
		v := params.At(i)
		if !IsOwner(v.Type()) {
			continue
		}
		effect := Borrow
		for _, u := range p.UsesIn(v, f) {
			switch {
			case u.Effect == End && effect != Keep && everywhere(u, f):
				effect = End
			case u.Effect == Borrow || effect == End && u.Effect == End:
			default:
				effect = Keep
			}
		}
		switch effect {
		case Borrow:
			fact.Borrows = append(fact.Borrows, i)
		case End:
			fact.Ends = append(fact.Ends, i)
		}
	}
	if len(fact.Borrows)+len(fact.Ends) == 0 {
		return nil
	}
	return &fact
}

// everywhere reports whether a use is a statement of f's own, so that every path
// which gets there passes it.
func everywhere(u Use, f *Func) bool {
	for e := range u.Cursor.Enclosing((*ast.ExprStmt)(nil), (*ast.DeferStmt)(nil)) {
		return e.Parent().Node() == f.Body
	}
	return false
}

func (p *Package) fresh(fn *types.Func) bool {
	if fn.Pkg() == p.Types {
		f := p.Decl(fn)
		return f != nil && p.returnsFresh(f)
	}
	return p.pass.ImportObjectFact(fn.Origin(), new(Fresh))
}

// returnsFresh reports whether every return of f gives a root that f has just
// made, and nothing else of f refers to that.
func (p *Package) returnsFresh(f *Func) bool {
	results := f.Obj.Signature().Results()
	if results.Len() != 1 || !IsOwner(results.At(0).Type()) {
		return false
	}
	found := false
	for c := range f.Preorder((*ast.ReturnStmt)(nil)) {
		ret := c.Node().(*ast.ReturnStmt)
		if p.Around(c) != f {
			continue
		}
		if len(ret.Results) != 1 || !p.makes(ret.Results[0], f) {
			return false
		}
		found = true
	}
	return found
}

func (p *Package) makes(e ast.Expr, f *Func) bool {
	if c, ok := API(p.Info, e); ok {
		return c.Is("", "", "NewOwner") && !p.bound(c)
	}
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok {
		return false
	}
	value := p.Value(id)
	if value == nil || !p.makes(value, f) {
		return false
	}
	for _, u := range p.UsesIn(p.Object(id), f) {
		if _, ok := u.Cursor.Parent().Node().(*ast.ReturnStmt); !ok && u.Effect != Borrow {
			return false
		}
	}
	return true
}
