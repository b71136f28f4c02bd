package scan

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// Reads is a fact about a function that blocks in what it is given: a connection
// that it reads from, a listener that it accepts from.
type Reads struct{ Params []int }

func (*Reads) AFact()           {}
func (r *Reads) String() string { return fmt.Sprintf("reads %v", r.Params) }

func (p *Package) exportReads() {
	for _, f := range p.Funcs {
		if f.Obj == nil {
			continue
		}
		var fact Reads
		params := f.Obj.Signature().Params()
		for i := range params.Len() {
			if p.readsIn(params.At(i), f, nil) {
				fact.Params = append(fact.Params, i)
			}
		}
		if fact.Params != nil {
			p.pass.ExportObjectFact(f.Obj, &fact)
		}
	}
}

// ReadsIn reports whether f, on the goroutine that calls it, reads or accepts from
// the connection or listener in v, itself or by way of a function that it gives it
// to.
func (p *Package) ReadsIn(v types.Object, f *Func) bool { return p.readsIn(v, f, nil) }

func (p *Package) readsIn(v types.Object, f *Func, path []*Func) bool {
	if slices.Contains(path, f) || p.unblocked(v, f, nil) {
		return false
	}
	path = append(path, f)
	for _, c := range p.Uses(v) {
		if p.Around(c) != f {
			continue
		}
		for c.ParentEdgeKind() == edge.ParenExpr_X || c.ParentEdgeKind() == edge.SelectorExpr_Sel {
			c = c.Parent()
		}
		switch n := c.Parent().Node().(type) {
		case *ast.SelectorExpr:
			if blocking(n.Sel.Name) && c.Parent().ParentEdgeKind() == edge.CallExpr_Fun && !spawned(c) {
				return true
			}
		case *ast.CallExpr:
			if c.ParentEdgeKind() == edge.CallExpr_Args && !spawned(c) && p.readsArg(n, c.ParentEdgeIndex(), path) {
				return true
			}
		}
	}
	return false
}

// spawned reports whether the call that c is part of is that of a go statement.
func spawned(c inspector.Cursor) bool {
	for e := range c.Enclosing((*ast.CallExpr)(nil)) {
		return e.ParentEdgeKind() == edge.GoStmt_Call
	}
	return false
}

// unblocked reports whether something in f may end what blocks in v: it closes it,
// other than by a defer of the reader's own, sets a deadline, or gives it to who
// knows what.
func (p *Package) unblocked(v types.Object, f *Func, path []*Func) bool {
	if slices.Contains(path, f) {
		return false
	}
	path = append(path, f)
	for _, c := range p.Uses(v) {
		if in(c.Node().Pos(), f.Node()) && !p.Harmless(c, f, path) {
			return true
		}
	}
	return false
}

// Harmless reports whether a use of a connection or listener certainly neither
// closes it nor sets a deadline; but a deferred Close of the function f, which
// blocks in it, is none that unblocks.
func (p *Package) Harmless(u inspector.Cursor, f *Func, path []*Func) bool {
	for u.ParentEdgeKind() == edge.ParenExpr_X || u.ParentEdgeKind() == edge.SelectorExpr_Sel {
		u = u.Parent()
	}
	switch n := u.Parent().Node().(type) {
	case *ast.SelectorExpr:
		switch name := n.Sel.Name; {
		case strings.HasPrefix(name, "Set"):
			return false
		case name == "Close":
			return f != nil && p.Around(u) == f && u.Parent().Parent().ParentEdgeKind() == edge.DeferStmt_Call
		}
		return u.Parent().ParentEdgeKind() == edge.CallExpr_Fun || p.isField(n)
	case *ast.CallExpr:
		return u.ParentEdgeKind() == edge.CallExpr_Args && p.harmlessArg(n, u.ParentEdgeIndex(), path)
	case *ast.AssignStmt:
		return u.ParentEdgeKind() == edge.AssignStmt_Lhs
	case *ast.BinaryExpr:
		return true
	}
	return false
}

func (p *Package) isField(n *ast.SelectorExpr) bool {
	v, ok := p.Object(n).(*types.Var)
	return ok && v.IsField()
}

func (p *Package) harmlessArg(call *ast.CallExpr, i int, path []*Func) bool {
	if own, ok := API(p.Info, call); ok {
		return own.Is("", "", "Own")
	}
	fn := Callee(p.Info, call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	switch fn.Pkg().Path() {
	case "fmt", "io", "bufio", "log", "log/slog", "encoding/json", "encoding/gob", "encoding/xml", "net/textproto":
		return true
	}
	if p.readsArg(call, i, path) {
		return true // it was asked there
	}
	g := p.Decl(fn)
	if g == nil || i >= fn.Signature().Params().Len() || fn.Signature().Variadic() {
		return false
	}
	return !p.unblocked(g.Obj.Signature().Params().At(i), g, path)
}

func blocking(method string) bool {
	return strings.HasPrefix(method, "Read") || strings.HasPrefix(method, "Accept")
}

// Functions of the standard library that read from an argument, or make what does.
var readers = map[string]int{
	"bufio.NewReader": 0, "bufio.NewReaderSize": 0, "bufio.NewScanner": 0,
	"io.Copy": 1, "io.CopyN": 1, "io.CopyBuffer": 1, "io.ReadAll": 0, "io.ReadFull": 0, "io.ReadAtLeast": 0,
	"encoding/json.NewDecoder": 0, "encoding/gob.NewDecoder": 0, "encoding/xml.NewDecoder": 0,
	"net/textproto.NewConn": 0, "net/rpc.ServeConn": 0, "net/rpc.Accept": 0,
	"net/http.Serve": 0, "net/http.ServeTLS": 0,
	"net/http.Server.Serve": 0, "net/http.Server.ServeTLS": 0,
}

func (p *Package) readsArg(call *ast.CallExpr, i int, path []*Func) bool {
	fn := Callee(p.Info, call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	name := fn.Pkg().Path() + "."
	if r := recv(fn); r != "" {
		name += r + "."
	}
	if at, ok := readers[name+fn.Name()]; ok {
		return at == i
	}
	if i >= fn.Signature().Params().Len() {
		return false
	}
	if fn.Pkg() == p.Types {
		f := p.Decl(fn)
		return f != nil && p.readsIn(f.Obj.Signature().Params().At(i), f, path)
	}
	var fact Reads
	return p.pass.ImportObjectFact(fn, &fact) && slices.Contains(fact.Params, i)
}
