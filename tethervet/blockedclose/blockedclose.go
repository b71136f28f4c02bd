package blockedclose

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/edge"

	"github.com/seed-ec287111/tether/tethervet/internal/scan"
)

// Analyzer is the pass; the package comment says what it does.
var Analyzer = &analysis.Analyzer{
	Name:     "blockedclose",
	Doc:      scan.Doc(doc),
	URL:      "https://" + scan.Path + "/tethervet/blockedclose",
	Run:      run,
	Requires: []*analysis.Analyzer{scan.Analyzer},
}

type checker struct {
	*scan.Package
	pass     *analysis.Pass
	handlers []scan.Registration
}

func run(pass *analysis.Pass) (any, error) {
	c := checker{scan.Of(pass), pass, nil}
	for _, s := range c.Calls {
		if s.Is("", "", "Own") && len(s.Args) == 2 && blocks(c.Info.TypeOf(s.Args[1])) {
			if c.handlers == nil {
				c.handlers = c.Registrations()
			}
			c.check(s)
		}
	}
	return nil, nil
}

func (c checker) check(own scan.Site) {
	var names []types.Object // of what is owned
	if trail := c.Trail(own.Args[1]); trail != nil {
		names = append(names, trail[len(trail)-1])
	}
	if as, ok := own.Cursor.Parent().Node().(*ast.AssignStmt); ok && len(as.Lhs) == 1 {
		if trail := c.Trail(as.Lhs[0]); trail != nil {
			names = append(names, trail[len(trail)-1])
		}
	}
	for _, r := range c.handlers {
		if r.Func == nil || !c.Shared(r.Owner, own.Args[0]) || c.Around(r.Site.Cursor) != c.Around(own.Cursor) {
			continue
		}
		if r.Kind == scan.Interrupt {
			return // it may well be what unblocks the goroutine
		}
	}
	for _, r := range c.handlers {
		if r.Kind != scan.Goroutine || r.Func == nil || !c.Shared(r.Owner, own.Args[0]) {
			continue
		}
		for _, v := range names {
			if c.ReadsIn(v, r.Func) && c.nobodyElse(names, r.Func) && !c.hangsUp(own, names) {
				c.report(own, r)
				return
			}
		}
	}
}

func (c checker) report(own scan.Site, r scan.Registration) {
	d := analysis.Diagnostic{
		Pos: own.Pos(), End: own.End(),
		Message: fmt.Sprintf("Own closes %s when the goroutines of %s have returned, and one of them blocks in it (line %d): Destroy hangs; use OwnBlocking",
			types.ExprString(own.Args[1]), types.ExprString(own.Args[0]), c.Line(r.Site.Pos())),
		Related: []analysis.RelatedInformation{{Pos: r.Site.Pos(), Message: "the goroutine"}},
	}
	var id *ast.Ident
	switch f := ast.Unparen(own.Fun).(type) {
	case *ast.SelectorExpr:
		id = f.Sel
	case *ast.Ident:
		id = f
	}
	if id != nil {
		d.SuggestedFixes = []analysis.SuggestedFix{{
			Message:   "OwnBlocking",
			TextEdits: []analysis.TextEdit{{Pos: id.Pos(), End: id.End(), NewText: []byte("OwnBlocking")}},
		}}
	}
	c.Report(c.pass, d)
}

// blocks reports whether t is something in which a goroutine blocks until somebody
// closes it: a connection, a listener, the reading end of a pipe.
func blocks(t types.Type) bool {
	has := func(method string) bool {
		obj, _, _ := types.LookupFieldOrMethod(t, true, nil, method)
		_, ok := obj.(*types.Func)
		return ok
	}
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		if n, ok := types.Unalias(p.Elem()).(*types.Named); ok && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == "io" {
			return n.Obj().Name() == "PipeReader"
		}
	}
	return has("SetReadDeadline") && has("LocalAddr") || has("Accept") && has("Addr")
}

// hangsUp reports whether the function that owns a connection closes another one,
// before it returns, and not in a function of an owner's: it may be the other end, and
// then nothing blocks any more.
func (c checker) hangsUp(own scan.Site, names []types.Object) bool {
	f := c.Around(own.Cursor)
	for call := range f.Preorder((*ast.CallExpr)(nil)) {
		sel, ok := call.Node().(*ast.CallExpr).Fun.(*ast.SelectorExpr)
		if !ok || !strings.HasPrefix(sel.Sel.Name, "Close") || call.ParentEdgeKind() == edge.DeferStmt_Call {
			continue
		}
		if in := c.Around(call); in != f && c.registered(in) {
			continue
		}
		if x := c.Object(sel.X); x != nil && !slices.Contains(names, x) && writes(x.Type()) {
			return true
		}
	}
	return false
}

// registered reports whether f is a function of an owner's.
func (c checker) registered(f *scan.Func) bool {
	return slices.ContainsFunc(c.handlers, func(r scan.Registration) bool { return r.Func == f })
}

func writes(t types.Type) bool {
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, "Write")
	_, ok := obj.(*types.Func)
	return ok
}

// nobodyElse reports whether what is owned is used for nothing, outside of the
// goroutine that blocks in it, by which it could be closed or given a deadline.
func (c checker) nobodyElse(names []types.Object, goroutine *scan.Func) bool {
	for _, v := range names {
		for _, u := range c.Uses(v) {
			if !scan.In(u.Node().Pos(), goroutine.Node()) && !c.Harmless(u, nil, nil) {
				return false
			}
		}
	}
	return true
}
