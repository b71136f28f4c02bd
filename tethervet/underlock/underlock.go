package underlock

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"

	"github.com/seed-ec287111/tether/tethervet/internal/scan"
)

// Analyzer is the pass; the package comment says what it does.
var Analyzer = &analysis.Analyzer{
	Name:     "underlock",
	Doc:      scan.Doc(doc),
	URL:      "https://" + scan.Path + "/tethervet/underlock",
	Run:      run,
	Requires: []*analysis.Analyzer{scan.Analyzer},
}

type checker struct {
	*scan.Package
	pass     *analysis.Pass
	handlers []scan.Registration
	locks    map[*scan.Func][]lock
	reported map[token.Pos]bool
}

func run(pass *analysis.Pass) (any, error) {
	c := checker{scan.Of(pass), pass, nil, make(map[*scan.Func][]lock), make(map[token.Pos]bool)}
	if len(c.Funcs) == 0 {
		return nil, nil
	}
	c.handlers = c.Registrations()
	for _, f := range c.Funcs {
		for b := range f.Preorder((*ast.BlockStmt)(nil)) {
			if b.Node() == f.Body || c.Around(b) == f {
				c.block(f, b.Node().(*ast.BlockStmt))
			}
		}
	}
	return nil, nil
}

// A lock is a mutex that is taken somewhere.
type lock struct {
	mutex ast.Expr
	read  bool
}

// block goes through the statements of a block and looks at those between a Lock
// and its Unlock.
func (c checker) block(f *scan.Func, b *ast.BlockStmt) {
	for i, s := range b.List {
		l, ok := c.locking(s)
		if !ok {
			continue
		}
		for _, held := range b.List[i+1:] {
			if c.unlocks(held, l) {
				if _, ok := held.(*ast.DeferStmt); ok {
					continue // held to the end of the function
				}
				if branch, ok := held.(*ast.IfStmt); ok && branch.Else == nil && leaves(branch.Body) {
					continue // only that branch unlocks
				}
				break
			}
			c.under(f, held, l)
		}
	}
}

func leaves(b *ast.BlockStmt) bool {
	if len(b.List) == 0 {
		return false
	}
	switch b.List[len(b.List)-1].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	}
	return false
}

// locking returns what a statement locks.
func (c checker) locking(s ast.Stmt) (lock, bool) {
	x, ok := s.(*ast.ExprStmt)
	if !ok {
		return lock{}, false
	}
	return c.mutex(x.X, "Lock", "RLock")
}

// mutex returns the receiver of a call of a sync.Mutex or RWMutex by one of two
// names, the second of which is for readers.
func (c checker) mutex(e ast.Node, name, read string) (lock, bool) {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return lock{}, false
	}
	fn := scan.Callee(c.Info, call)
	if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != "sync" || fn.Name() != name && fn.Name() != read {
		return lock{}, false
	}
	return lock{scan.Receiver(call), fn.Name() == read}, true
}

// unlocks reports whether there is an Unlock of l in a statement.
func (c checker) unlocks(s ast.Stmt, l lock) bool {
	found := false
	_, deferred := s.(*ast.DeferStmt)
	ast.Inspect(s, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok && !deferred {
			return false // it does so another time
		}
		if u, ok := c.mutex(n, "Unlock", "RUnlock"); ok && c.Same(u.mutex, l.mutex) {
			found = true
		}
		return !found
	})
	return found
}

// under reports the calls of a statement that wait for what takes l.
func (c checker) under(f *scan.Func, s ast.Stmt, l lock) {
	if _, ok := s.(*ast.DeferStmt); ok {
		return
	}
	ast.Inspect(s, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncLit, *ast.GoStmt, *ast.DeferStmt:
			return false
		case *ast.CallExpr:
			c.call(f, x, l)
		}
		return true
	})
}

func (c checker) call(f *scan.Func, n *ast.CallExpr, l lock) {
	call, ok := scan.API(c.Info, n)
	if !ok {
		c.helper(f, n, l)
		return
	}
	switch {
	case call.Is("", "Owner", "Destroy", "DestroyContext"):
		c.waitsFor(f, n, call.Name, call.Receiver(), l)
	case call.Is("", "Owner", "Defer", "Interrupt"):
		if g := c.Resolve(call.Args[0]); g != nil && !c.madeHere(call.Receiver(), f) && c.takes(g, l) {
			c.found(n, "%s runs its function on the caller where %s has ended, and that locks %s, which is held here: register it when the lock is free",
				call.Name, types.ExprString(call.Receiver()), types.ExprString(l.mutex))
		}
	case call.Is("", "", "Own", "OwnBlocking"):
		if g := c.closer(call.Args[1]); g != nil && !c.madeHere(call.Args[0], f) && c.takes(g, l) {
			c.found(n, "%s closes %s on the caller where %s has ended, and that locks %s, which is held here: hand it over when the lock is free",
				call.Name, types.ExprString(call.Args[1]), types.ExprString(call.Args[0]), types.ExprString(l.mutex))
		}
	case call.Is("", "Queue", "Flush", "Drain") && !c.insideHandler(f, nil):
		for _, r := range c.handlers {
			if on, _ := r.Site.Option(c.Info, "On"); on != nil && r.Func != nil && c.Shared(on.Args[0], call.Receiver()) && c.together(call.Receiver(), on.Args[0], l, r) {
				c.found(n, "%s waits for a handler that locks %s (line %d), which is held here: it hangs", call.Name, types.ExprString(l.mutex), c.Line(r.Site.Pos()))
			}
		}
	case call.Is("", "", "Wait"):
		for _, r := range c.handlers {
			src := r.Site.Receiver()
			if src != nil && r.Func != nil && r.Kind == scan.Handler && c.Shared(src, call.Args[1]) && c.together(call.Args[1], src, l, r) {
				c.found(n, "Wait waits for a Fire, a handler of which locks %s (line %d), which is held here: it may hang", types.ExprString(l.mutex), c.Line(r.Site.Pos()))
			}
		}
	}
}

// closer returns the Close method of what e is, if it is of this package.
func (c checker) closer(e ast.Expr) *scan.Func {
	obj, _, _ := types.LookupFieldOrMethod(c.Info.TypeOf(e), true, c.Types, "Close")
	fn, _ := obj.(*types.Func)
	return c.Decl(fn)
}

// madeHere reports whether an owner is a root that the same function has made, and
// so can't have ended.
func (c checker) madeHere(owner ast.Expr, f *scan.Func) bool {
	v := c.Value(owner)
	if v == nil || !scan.In(v.Pos(), f.Body) {
		return false
	}
	call, ok := scan.API(c.Info, v)
	return ok && call.Is("", "", "NewOwner")
}

// helper looks at a function of this package that destroys what it is given or
// holds.
func (c checker) helper(f *scan.Func, n *ast.CallExpr, l lock) {
	g := c.Decl(scan.Callee(c.Info, n))
	if g == nil {
		return
	}
	for x := range g.Preorder((*ast.CallExpr)(nil)) {
		call, ok := scan.API(c.Info, x.Node())
		if !ok || c.Around(x) != g || !call.Is("", "Owner", "Destroy", "DestroyContext") {
			continue
		}
		if len(c.Trail(call.Receiver())) > 0 {
			c.waitsFor(f, n, g.Obj.Name(), c.seenFrom(call.Receiver(), g, n), l)
		}
	}
}

// waitsFor reports a call that destroys an owner, if something that the owner waits
// for takes l.
func (c checker) waitsFor(f *scan.Func, n ast.Node, name string, owner ast.Expr, l lock) {
	if owner == nil {
		return
	}
	inside := c.insideHandler(f, nil) // where Destroy waits for nobody, but may run cleanups
	for _, r := range c.handlers {
		if r.Func == nil || r.Owner == nil || !c.takes(r.Func, l) {
			continue
		}
		if inside && r.Kind != scan.Cleanup && r.Kind != scan.Interrupt {
			continue
		}
		for _, a := range c.ancestors(r.Owner, r.Site.Cursor.Node(), 0) {
			if !c.Shared(a.owner, owner) || !c.sameThing(owner, a, l, r) {
				continue
			}
			c.found(n, "%s waits for %s that locks %s (line %d), which is held here: it hangs; use Cancel, or destroy when the lock is free",
				name, r.Kind.A(), types.ExprString(l.mutex), c.Line(r.Site.Pos()))
			return
		}
	}
}

func (c checker) found(n ast.Node, format string, args ...any) {
	if !c.reported[n.Pos()] {
		c.reported[n.Pos()] = true
		c.Report(c.pass, analysis.Diagnostic{Pos: n.Pos(), End: n.End(), Message: fmt.Sprintf(format, args...)})
	}
}

// takes reports whether f, or a function of this package that it calls, locks what l
// locks, or the same field of a value of the same type.
func (c checker) takes(f *scan.Func, l lock) bool { return c.lockIn(f, l) != nil }

// lockIn returns the mutex by the name that it has in f.
func (c checker) lockIn(f *scan.Func, l lock) ast.Expr {
	for _, m := range c.locksOf(f, nil) {
		if readers := m.read && l.read; !readers && c.Shared(m.mutex, l.mutex) {
			return m.mutex
		}
	}
	return nil
}

// locksOf returns what f locks, by the names that it has there, and what the
// functions of this package lock that it calls.
func (c checker) locksOf(f *scan.Func, path []*scan.Func) []lock {
	if known, ok := c.locks[f]; ok {
		return known
	}
	if slices.Contains(path, f) {
		return nil
	}
	path = append(path, f)
	var locks []lock
	for x := range f.Preorder((*ast.CallExpr)(nil)) {
		if _, spawned := x.Parent().Node().(*ast.GoStmt); spawned || c.Around(x) != f {
			continue
		}
		n := x.Node().(*ast.CallExpr)
		if m, ok := c.mutex(n, "Lock", "RLock"); ok {
			if len(c.Trail(m.mutex)) > 0 {
				locks = append(locks, m)
			}
			continue
		}
		if g := c.Decl(scan.Callee(c.Info, n)); g != nil {
			for _, m := range c.locksOf(g, path) {
				if seen := c.seenFrom(m.mutex, g, n); len(c.Trail(seen)) > 0 {
					locks = append(locks, lock{seen, m.read})
				}
			}
		}
	}
	if len(path) == 1 {
		c.locks[f] = locks
	}
	return locks
}

// seenFrom returns what e, in g, is for a call of g; e itself where it is neither of
// the receiver nor of a parameter.
func (c checker) seenFrom(e ast.Expr, g *scan.Func, call *ast.CallExpr) ast.Expr {
	root := c.Trail(e)[0]
	if root == g.Receiver() {
		if recv := scan.Receiver(call); recv != nil {
			return c.Joined(recv, e)
		}
		return e
	}
	params := g.Obj.Signature().Params()
	for i := range params.Len() {
		if params.At(i) == root && i < len(call.Args) && !g.Obj.Signature().Variadic() {
			return c.Joined(call.Args[i], e)
		}
	}
	return e
}

// insideHandler reports whether f is a handler, or is called by handlers alone.
func (c checker) insideHandler(f *scan.Func, path []*scan.Func) bool {
	if f == nil || slices.Contains(path, f) {
		return false
	}
	for _, r := range c.handlers {
		if r.Func == f {
			return true
		}
	}
	if f.Obj == nil || f.Obj.Exported() || len(c.Callers(f.Obj)) == 0 {
		return false
	}
	for _, call := range c.Callers(f.Obj) {
		if !c.insideHandler(c.Around(call), append(path, f)) {
			return false
		}
	}
	return true
}
