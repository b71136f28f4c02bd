package lostowner

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/cfg"

	"github.com/seed-ec287111/tether/tethervet/internal/scan"
)

// A walker looks for a path from where an owner is made to a return, a second
// assignment, or the same place again, that passes nothing which ends the owner or
// hands it on.
//
// A path is not believed where
//   - it contradicts itself: x was true there and is false here;
//   - it goes by a loop in whose body the owner is ended: such a loop is taken to
//     run at least once;
//   - it goes by a branch in which the owner is ended, and the branch goes on to
//     where the path goes: whether the two belong together can't be told.
type walker struct {
	checker
	made  creation
	v     *types.Var
	saves []ast.Node // where the owner is ended or handed on
	sets  []ast.Node // where the variable gets another value
	seen  map[string]bool
}

// limit bounds the states of one walk; what takes more stays unreported.
const limit = 4000

func (c checker) walk(made creation, v *types.Var, uses []scan.Use) {
	w := &walker{checker: c, made: made, v: v, seen: make(map[string]bool)}
	for _, u := range uses {
		switch u.Effect {
		case scan.End, scan.Keep:
			w.saves = append(w.saves, u.At)
		case scan.Assign:
			if u.Cursor.Node().Pos() > made.call.Node().Pos() || !scan.In(made.call.Node().Pos(), u.Cursor.Parent().Node()) {
				w.sets = append(w.sets, u.At)
			}
		}
	}
	graph := cfg.New(made.f.Body, c.MayReturn)
	for _, b := range graph.Blocks {
		for i, n := range b.Nodes {
			if b.Live && scan.In(made.call.Node().Pos(), n) {
				w.from(b, i+1, w.before())
				return
			}
		}
	}
}

// leaves reports whether the function that makes an owner can be left after that.
// One that serves for ever, to the end of the program, loses nothing.
func (c checker) leaves(made creation) bool {
	graph := cfg.New(made.f.Body, c.MayReturn)
	seen := make(map[*cfg.Block]bool)
	var visit func(b *cfg.Block) bool
	visit = func(b *cfg.Block) bool {
		if seen[b] {
			return false
		}
		seen[b] = true
		return b.Return() != nil || slices.ContainsFunc(b.Succs, visit)
	}
	for _, b := range graph.Blocks {
		for _, n := range b.Nodes {
			if b.Live && scan.In(made.call.Node().Pos(), n) {
				return visit(b) || c.inLoop(made)
			}
		}
	}
	return false
}

// inLoop reports whether an owner is made in a loop: then there are many.
func (c checker) inLoop(made creation) bool {
	for e := range made.call.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		return scan.In(e.Node().Pos(), made.f.Body)
	}
	return false
}

// before returns what must be true where the owner is made.
func (w *walker) before() known {
	k := known{w.v.Name() + " == nil": false}
	for e := range w.made.call.Enclosing((*ast.IfStmt)(nil)) {
		if !scan.In(e.Node().Pos(), w.made.f.Body) {
			break
		}
		s := e.Node().(*ast.IfStmt)
		switch {
		case scan.In(w.made.call.Node().Pos(), s.Body):
			k.learn(s.Cond, true)
		case s.Else != nil && scan.In(w.made.call.Node().Pos(), s.Else):
			k.learn(s.Cond, false)
		}
	}
	return k
}

// from goes on at the i-th node of b. It reports whether it is done.
func (w *walker) from(b *cfg.Block, i int, k known) bool {
	if state := fmt.Sprint(b.Index, i > 0, k.String()); w.seen[state] {
		return false
	} else if len(w.seen) > limit {
		return true
	} else {
		w.seen[state] = true
	}
	for _, n := range b.Nodes[min(i, len(b.Nodes)):] {
		switch {
		case w.any(w.saves, n):
			return false
		case w.any(w.sets, n):
			return w.found(n.Pos(), "is assigned again")
		case scan.In(w.made.call.Node().Pos(), n):
			return w.found(token.NoPos, "is made again by the next round of the loop")
		}
		k = k.forget(w.Info, n)
	}
	if ret := b.Return(); ret != nil {
		return w.found(ret.Pos(), "returns")
	}
	for j, next := range b.Succs {
		nk := k
		if loop := b.Kind == cfg.KindRangeLoop || b.Kind == cfg.KindForLoop; loop && len(b.Succs) == 2 {
			entered := fmt.Sprint("entered ", b.Index)
			if j == 0 {
				nk = nk.with(entered, true)
			} else if w.runsOnce(b) && !k[entered] {
				continue
			}
		}
		if cond := condition(b); cond != nil {
			var ok bool
			if nk, ok = nk.assume(cond, j == 0); !ok {
				continue
			}
		}
		if w.from(next, 0, nk) {
			return true
		}
	}
	return false
}

func (w *walker) any(nodes []ast.Node, n ast.Node) bool {
	return slices.ContainsFunc(nodes, func(x ast.Node) bool { return scan.In(x.Pos(), n) })
}

// condition returns the condition that b ends with, or nil.
func condition(b *cfg.Block) ast.Expr {
	if len(b.Succs) != 2 || len(b.Nodes) == 0 {
		return nil
	}
	switch b.Succs[0].Kind {
	case cfg.KindIfThen, cfg.KindForBody:
	default:
		return nil
	}
	e, _ := b.Nodes[len(b.Nodes)-1].(ast.Expr)
	return e
}

// runsOnce reports whether b is the head of a loop that is taken to be entered: it
// has a constant number of rounds, or the owner is ended in it.
func (w *walker) runsOnce(b *cfg.Block) bool {
	switch s := b.Stmt.(type) {
	case *ast.RangeStmt:
		if b.Kind != cfg.KindRangeLoop {
			return false
		}
		tv := w.Info.Types[s.X]
		if tv.Value != nil && tv.Value.String() != "0" {
			return true
		}
		if lit, ok := s.X.(*ast.CompositeLit); ok && len(lit.Elts) > 0 {
			return true
		}
		return w.any(w.saves, s.Body)
	case *ast.ForStmt:
		return b.Kind == cfg.KindForLoop && (w.any(w.saves, s.Body) || w.constant(s))
	}
	return false
}

// constant reports whether s is for i := 0; i < n; ... with constants.
func (w *walker) constant(s *ast.ForStmt) bool {
	c, ok := s.Cond.(*ast.BinaryExpr)
	return ok && s.Init != nil && w.Info.Types[c.Y].Value != nil
}

// found has the path end at a position; believed, it is reported.
func (w *walker) found(at token.Pos, how string) bool {
	body := w.made.f.Body
	until := at
	if !at.IsValid() {
		until = body.End()
	}
	if how == "returns" && !w.early(at) {
		return false
	}
	if how != "returns" && !w.made.root || w.main(w.made.f) {
		return false
	}
	if w.bypassed(until) {
		return false
	}
	if how == "returns" && !w.made.root && !w.fails(at) {
		return false
	}
	message := fmt.Sprintf("%s is not destroyed on every path: ", w.made.what)
	switch {
	case how == "returns":
		message += fmt.Sprintf("not on the one that returns in line %d", w.Line(at))
	case at.IsValid():
		message += fmt.Sprintf("%s %s in line %d", w.v.Name(), how, w.Line(at))
	default:
		message += fmt.Sprintf("%s %s", w.v.Name(), how)
	}
	d := analysis.Diagnostic{Pos: w.made.call.Node().Pos(), End: w.made.call.Node().End(), Message: message}
	if at.IsValid() {
		d.Related = related(at, "here")
	}
	if how == "returns" && !slices.ContainsFunc(w.UsesIn(w.v, w.made.f), func(u scan.Use) bool { return u.Effect == scan.Keep || u.Effect == scan.Assign }) {
		d.SuggestedFixes = w.deferDestroy(w.made, w.v)
	}
	w.Report(w.pass, d)
	return true
}

// early reports whether the return at a position stands in a branch, and not at the
// function's end.
func (w *walker) early(at token.Pos) bool {
	for _, s := range w.made.f.Body.List {
		if s.Pos() == at {
			return false
		}
	}
	return at < w.made.f.Body.End()-1
}

// fails reports whether the return at a position returns an error: one that was
// just found not to be nil, or a new one. For a child, that is how an end that was
// forgotten can be told from one that is left to the parent.
func (w *walker) fails(at token.Pos) bool {
	failed := false
	ast.Inspect(w.made.f.Body, func(n ast.Node) bool {
		s, ok := n.(*ast.IfStmt)
		if ok && scan.In(at, s.Body) && isNotNilError(w.Info, s.Cond) {
			failed = true
		}
		return !failed
	})
	return failed
}

func isNotNilError(info *types.Info, e ast.Expr) bool {
	b, ok := ast.Unparen(e).(*ast.BinaryExpr)
	return ok && b.Op == token.NEQ && types.ExprString(b.Y) == "nil" &&
		types.Identical(info.TypeOf(b.X), types.Universe.Lookup("error").Type())
}

// bypassed reports whether, between the owner's making and a position, there is a
// branch in which it is ended and which goes on afterwards.
func (w *walker) bypassed(until token.Pos) bool {
	start := w.made.call.Node().End()
	bypassed := false
	ast.Inspect(w.made.f.Body, func(n ast.Node) bool {
		if n == nil || n.End() < start || n.Pos() > until {
			return false
		}
		var branches []ast.Node
		switch s := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.IfStmt:
			branches = append(branches, s.Body)
			if s.Else != nil {
				branches = append(branches, s.Else)
			}
		case *ast.CaseClause, *ast.CommClause:
			branches = append(branches, n)
		}
		for _, b := range branches {
			if w.any(w.saves, b) && !scan.In(until, b) && !leaves(b) && !scan.In(start, b) {
				bypassed = true
			}
		}
		return !bypassed
	})
	return bypassed
}

// leaves reports whether a branch ends by a return or a jump.
func leaves(b ast.Node) bool {
	var list []ast.Stmt
	switch s := b.(type) {
	case *ast.BlockStmt:
		list = s.List
	case *ast.CaseClause:
		list = s.Body
	case *ast.CommClause:
		list = s.Body
	}
	if len(list) == 0 {
		return false
	}
	switch s := list[len(list)-1].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		id, ok := call.Fun.(*ast.Ident)
		return ok && id.Name == "panic"
	}
	return false
}
