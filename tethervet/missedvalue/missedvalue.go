package missedvalue

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/seed-ec287111/tether/tethervet/internal/scan"
)

// Analyzer is the pass; the package comment says what it does.
var Analyzer = &analysis.Analyzer{
	Name:     "missedvalue",
	Doc:      scan.Doc(doc),
	URL:      "https://" + scan.Path + "/tethervet/missedvalue",
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
		if !s.Is("", "", "Wait") {
			continue
		}
		if c.handlers == nil {
			c.handlers = c.Registrations()
		}
		c.afterFire(s)
		c.inLoop(s)
	}
	return nil, nil
}

// afterFire reports a Wait for what a Fire before it has had fired already.
func (c checker) afterFire(wait scan.Site) {
	stmt, list := statement(wait.Cursor)
	at := slices.Index(list, stmt)
	for i := at - 1; i >= 0; i-- {
		x, ok := list[i].(*ast.ExprStmt)
		if !ok {
			continue
		}
		fire, ok := scan.API(c.Info, x.X)
		if !ok || !fire.Is("", "Signal", "Fire") {
			continue
		}
		asked, answer := fire.Receiver(), wait.Args[1]
		if c.Same(asked, answer) {
			continue
		}
		if c.answers(asked, answer, fire, i == at-1) {
			c.Report(c.pass, analysis.Diagnostic{
				Pos: wait.Pos(), End: wait.End(),
				Message: fmt.Sprintf("Wait begins when %s has fired %s already: what a handler of the one fires on the other is missed; subscribe before the Fire, with Once or Wait on another goroutine",
					types.ExprString(asked), name(answer)),
				Related: []analysis.RelatedInformation{{Pos: fire.Pos(), Message: "the Fire"}},
			})
			return
		}
	}
}

func name(e ast.Expr) string {
	if u, ok := ast.Unparen(e).(*ast.UnaryExpr); ok {
		e = u.X
	}
	return types.ExprString(e)
}

// statement returns the statement of a block that c stands in, and the block's.
func statement(c inspector.Cursor) (ast.Stmt, []ast.Stmt) {
	for {
		switch c.ParentEdgeKind() {
		case edge.BlockStmt_List:
			return c.Node().(ast.Stmt), c.Parent().Node().(*ast.BlockStmt).List
		case edge.CaseClause_Body:
			return c.Node().(ast.Stmt), c.Parent().Node().(*ast.CaseClause).Body
		case edge.CommClause_Body:
			return c.Node().(ast.Stmt), c.Parent().Node().(*ast.CommClause).Body
		case edge.Invalid:
			return nil, nil
		}
		switch c.Node().(type) {
		case *ast.FuncLit, *ast.FuncDecl:
			return nil, nil
		}
		c = c.Parent()
	}
}

// answers reports whether a handler of asked fires answer in every call, and
// nothing else of this package does. A handler on a queue counts if nothing stands
// between the two, by which it could be made to wait.
func (c checker) answers(asked, answer ast.Expr, fire scan.Call, adjacent bool) bool {
	found := false
	for _, s := range c.Calls {
		if !s.Is("", "Signal", "Fire") || !c.Shared(s.Receiver(), answer) {
			continue
		}
		r, ok := c.registered(c.Around(s.Cursor))
		if !ok || !c.Shared(source(r), asked) || !c.Unconditional(s.CallExpr, r.Func) {
			return false // somebody else fires it, perhaps later
		}
		if scan.Used(r.Site.Cursor) || c.endsBetween(r.Site, fire) {
			return false
		}
		if queued, known := r.Site.Option(c.Info, "On"); !known || queued != nil && !adjacent {
			return false
		}
		found = true
	}
	return found
}

// source returns what a handler was connected to.
func source(r scan.Registration) ast.Expr {
	if e := r.Site.Receiver(); e != nil {
		return e
	}
	return r.Owner // never the same as a signal
}

func (c checker) registered(f *scan.Func) (scan.Registration, bool) {
	for _, r := range c.handlers {
		if f != nil && r.Func == f && (r.Kind == scan.Handler || r.Kind == scan.Once) && r.Site.Recv == "Signal" {
			return r, true
		}
	}
	return scan.Registration{}, false
}

// endsBetween reports whether something is ended between a Connect and a Fire in
// one function, or whether they stand in different ones the wrong way round.
func (c checker) endsBetween(connect scan.Site, fire scan.Call) bool {
	for _, s := range c.Calls {
		switch s.Name {
		case "Destroy", "DestroyContext", "Cancel", "DisconnectAll", "Mute":
			if s.Pos() > connect.Pos() && s.Pos() < fire.Pos() && s.Cursor.ParentEdgeKind() != edge.DeferStmt_Call {
				return true
			}
		}
	}
	return false
}

// inLoop reports a Wait that is repeated for ever for the sake of its value.
func (c checker) inLoop(wait scan.Site) {
	stmt, list := statement(wait.Cursor)
	if stmt == nil || !takesValue(wait.Cursor) {
		return
	}
	var loop *ast.ForStmt
	for e := range wait.Cursor.Enclosing((*ast.ForStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		loop, _ = e.Node().(*ast.ForStmt)
		break
	}
	if loop == nil || loop.Cond != nil || loop.Init != nil || !slices.Equal(loop.Body.List, list) || leaves(list) {
		return
	}
	src := wait.Args[1]
	trail := c.Trail(src)
	if call, ok := scan.API(c.Info, src); ok && call.Name == "Changes" {
		trail = c.Trail(call.Receiver())
	}
	if trail == nil || scan.In(trail[0].Pos(), loop) || c.sticky(src) || c.fires(loop) {
		return
	}
	c.Report(c.pass, analysis.Diagnostic{
		Pos: wait.Pos(), End: wait.End(),
		Message: "Wait in a loop misses what is fired between two rounds: range over Values instead",
	})
}

// takesValue reports whether the first result of the call at c gets a name.
func takesValue(c inspector.Cursor) bool {
	as, ok := c.Parent().Node().(*ast.AssignStmt)
	if !ok || len(as.Lhs) != 2 {
		return false
	}
	id, ok := as.Lhs[0].(*ast.Ident)
	return !ok || id.Name != "_"
}

func leaves(list []ast.Stmt) bool {
	switch s := list[len(list)-1].(type) {
	case *ast.ReturnStmt:
		return true
	case *ast.BranchStmt:
		return s.Label == nil && s.Tok.String() == "break"
	}
	return false
}

// sticky reports whether it does not matter that values of a source are missed: it
// gives ticks, or keeps its last value for who comes late, or may be anything.
func (c checker) sticky(src ast.Expr) bool {
	t := c.Info.TypeOf(src)
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	if scan.IsNamed(t, "", "Heartbeat") || !scan.IsNamed(t, "", "Signal") && !scan.IsNamed(t, "", "Source") {
		return true
	}
	named := types.Unalias(t).(*types.Named)
	return named.TypeArgs().Len() == 1 && scan.IsNamed(named.TypeArgs().At(0), "", "Tick")
}

// fires reports whether a loop fires anything: then it may ask for each value that
// it waits for.
func (c checker) fires(loop *ast.ForStmt) bool {
	return slices.ContainsFunc(c.Calls, func(s scan.Site) bool {
		return s.Name == "Fire" && scan.In(s.Pos(), loop)
	})
}
