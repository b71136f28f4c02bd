package growth

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/seed-ec287111/tether/tethervet/internal/scan"
)

// Analyzer is the pass; the package comment says what it does.
var Analyzer = &analysis.Analyzer{
	Name:     "growth",
	Doc:      scan.Doc(doc),
	URL:      "https://" + scan.Path + "/tethervet/growth",
	Run:      run,
	Requires: []*analysis.Analyzer{scan.Analyzer},
}

type checker struct {
	*scan.Package
	pass       *analysis.Pass
	registered []scan.Registration
	adds       map[*scan.Func][]add
	reported   map[token.Pos]bool
}

// An add is a call that leaves something with an owner for as long as that lives,
// in every call of the function it stands in.
type add struct {
	site  ast.Node
	verb  string
	owner ast.Expr
	also  []ast.Expr // what else must be the same in every call
	via   string     // the function that does it, if it is another one
}

func run(pass *analysis.Pass) (any, error) {
	p := scan.Of(pass)
	c := checker{p, pass, p.Registrations(), make(map[*scan.Func][]add), make(map[token.Pos]bool)}
	for _, r := range c.registered {
		if r.Kind == scan.Handler && r.Func != nil {
			c.handler(r)
		}
	}
	for _, f := range c.Funcs {
		for l := range f.Preorder((*ast.RangeStmt)(nil), (*ast.ForStmt)(nil)) {
			if c.Around(l) == f {
				c.loop(f, l.Node())
			}
		}
	}
	return nil, nil
}

// handler reports what a handler adds to owners from outside.
func (c checker) handler(r scan.Registration) {
	f := r.Func
	if c.ends(f.Body) || c.happensOnce(r.Site.Receiver()) {
		return
	}
	for _, a := range c.addsOf(f, nil) {
		if c.Unconditional(a.site, f) && c.fixed(a, f) {
			c.found(a, fmt.Sprintf("in every call of a %s", c.what(r)))
		}
	}
}

// once are names of what happens once in the life of a thing. Once would be right for
// a handler of it, but Connect does no harm.
var once = []string{"ready", "start", "open", "load", "init", "connected", "stop", "clos", "done", "finish", "end"}

// happensOnce reports whether a signal's name says so.
func (c checker) happensOnce(src ast.Expr) bool {
	if src == nil {
		return false
	}
	v := c.Object(src)
	return v != nil && slices.ContainsFunc(once, func(o string) bool {
		return strings.HasPrefix(strings.TrimPrefix(strings.ToLower(v.Name()), "on"), o)
	})
}

func (c checker) what(r scan.Registration) string {
	switch r.Site.Name {
	case "WhileActive", "NewComputed", "NewMap", "Switch":
		return "function of " + r.Site.Name
	}
	return "handler"
}

func (c checker) fixed(a add, f *scan.Func) bool {
	if !c.Fixed(a.owner, f) {
		return false
	}
	for _, e := range a.also {
		if !c.Fixed(e, f) {
			return false
		}
	}
	return true
}

func (c checker) found(a add, when string) {
	if c.reported[a.site.Pos()] {
		return
	}
	c.reported[a.site.Pos()] = true
	owner := types.ExprString(a.owner)
	what := fmt.Sprintf("%s adds to %s", a.verb, owner)
	if a.via != "" {
		what = fmt.Sprintf("%s, by way of %s, adds to %s", a.verb, a.via, owner)
	}
	c.Report(c.pass, analysis.Diagnostic{
		Pos: a.site.Pos(), End: a.site.End(),
		Message: fmt.Sprintf("%s %s, and it stays there until %s ends: use the owner of what the call is about, or a child that ends with it", what, when, owner),
	})
}

// ends reports whether a body, or a function of this package that it calls, ends
// anything: then it may be what was added before.
func (c checker) ends(body ast.Node, path ...*scan.Func) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.SelectorExpr:
			switch x.Sel.Name {
			case "Destroy", "DestroyContext", "Cancel", "Disconnect", "DisconnectAll":
				found = true
			}
		case *ast.CallExpr:
			f := c.Decl(scan.Callee(c.Info, x))
			if f != nil && !slices.Contains(path, f) && c.ends(f.Body, append(path, f)...) {
				found = true
			}
		}
		return !found
	})
	return found
}

// addsOf returns the adds of a function, those of the functions of this package
// that it calls included, as seen from it.
func (c checker) addsOf(f *scan.Func, path []*scan.Func) []add {
	if known, ok := c.adds[f]; ok {
		return known
	}
	if slices.Contains(path, f) {
		return nil
	}
	path = append(path, f)
	var adds []add
	for call := range f.Preorder((*ast.CallExpr)(nil)) {
		if c.Around(call) != f {
			continue
		}
		if a, ok := c.direct(call); ok {
			adds = append(adds, a)
		} else {
			adds = append(adds, c.called(call, path)...)
		}
	}
	if len(path) == 1 {
		c.adds[f] = adds
	}
	return adds
}

// direct returns a call of the library as an add.
func (c checker) direct(call inspector.Cursor) (add, bool) {
	n := call.Node().(*ast.CallExpr)
	lib, ok := scan.API(c.Info, n)
	if !ok {
		return add{}, false
	}
	a := add{site: n, verb: lib.Name, owner: lib.Owner(c.Info)}
	if a.owner == nil {
		return a, false
	}
	switch {
	case lib.Is("", "Owner", "Defer", "Interrupt"):
		return a, !scan.Used(call)
	case lib.Is("", "Owner", "Go", "GoErr"):
		return a, c.stays(lib)
	case lib.Is("", "Owner", "NewChild"):
		_, plain := c.Child(n)
		return a, plain && !scan.Used(call)
	case lib.Is("", "", "Own", "OwnBlocking", "NewSignal", "NewQueue", "NewHeartbeat"),
		lib.Is("history", "", "Record"),
		lib.Is("state", "", "NewValue", "NewComputed", "NewSpring", "NewTween"),
		lib.Is("keyed", "", "New", "NewMap"),
		lib.Is("pool", "", "New"),
		lib.Is("weakref", "", "NewMap", "NewCache"):
		return a, true
	case scan.Connects(c.Info, n) && !scan.OnceLike(lib.Name):
		if r := lib.Receiver(); lib.Recv != "" && r != nil {
			a.also = append(a.also, r)
		}
		for _, arg := range n.Args {
			if lib.Recv == "" && arg != a.owner && isSource(c.Info.TypeOf(arg)) {
				a.also = append(a.also, arg)
			}
		}
		return a, !scan.Used(call)
	}
	return a, false
}

// isSource reports whether a value has a method Connect.
func isSource(t types.Type) bool {
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, "Connect")
	_, ok := obj.(*types.Func)
	return ok
}

// stays reports whether the function of a Go or GoErr returns only when its owner
// is cut off, or never: it loops, and the only way out is a receive from its
// context. One that returns by itself leaves nothing behind.
func (c checker) stays(lib scan.Call) bool {
	lit, ok := ast.Unparen(lib.Args[0]).(*ast.FuncLit)
	if !ok || len(lit.Body.List) == 0 {
		return false
	}
	switch s := lit.Body.List[len(lit.Body.List)-1].(type) {
	case *ast.ExprStmt:
		return c.isDone(s.X)
	case *ast.ForStmt:
		return s.Cond == nil && c.leavesByDone(s.Body)
	}
	return false
}

// isDone reports whether e is <-x.Done().
func (c checker) isDone(e ast.Expr) bool {
	u, ok := ast.Unparen(e).(*ast.UnaryExpr)
	if !ok || u.Op != token.ARROW {
		return false
	}
	call, ok := u.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Done"
}

// leavesByDone reports whether the loop with that body is left in no other way than
// by a case <-ctx.Done().
func (c checker) leavesByDone(body *ast.BlockStmt) bool {
	only := true
	ast.Inspect(body, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CommClause:
			if e, ok := s.Comm.(*ast.ExprStmt); ok && c.isDone(e.X) {
				return false
			}
		case *ast.ReturnStmt:
			only = false
		case *ast.BranchStmt:
			only = only && s.Tok == token.CONTINUE
		case *ast.CallExpr:
			only = only && c.MayReturn(s)
		}
		return only
	})
	return only
}

// called returns what a function of this package adds to what it is called with.
func (c checker) called(call inspector.Cursor, path []*scan.Func) []add {
	n := call.Node().(*ast.CallExpr)
	fn := scan.Callee(c.Info, n)
	if fn == nil || scan.OnceLike(fn.Name()) {
		return nil
	}
	f := c.Decl(fn)
	if f == nil || scan.Used(call) || c.ends(f.Body) {
		return nil
	}
	var adds []add
	for _, a := range c.addsOf(f, path) {
		if !c.Unconditional(a.site, f) {
			continue
		}
		b := add{site: n, verb: a.verb, via: fn.Name()}
		if a.via != "" {
			b.via = a.via
		}
		ok := true
		for i, e := range append([]ast.Expr{a.owner}, a.also...) {
			seen := c.seenFrom(e, f, n)
			if seen == nil {
				ok = false
				break
			}
			if i == 0 {
				b.owner = seen
			} else {
				b.also = append(b.also, seen)
			}
		}
		if ok {
			adds = append(adds, b)
		}
	}
	return adds
}

// seenFrom returns what e, in f, is for a call of f: a path from a parameter
// becomes one from the argument. Fields on the way must be settled.
func (c checker) seenFrom(e ast.Expr, f *scan.Func, call *ast.CallExpr) ast.Expr {
	if inner, ok := ast.Unparen(e).(*ast.CallExpr); ok {
		lib, ok := scan.API(c.Info, inner)
		if !ok || lib.Name != "Changes" {
			return nil
		}
		e = lib.Receiver()
	}
	trail := c.Trail(e)
	if trail == nil || !c.settledPath(trail) {
		return nil
	}
	root := trail[0]
	if root == f.Receiver() {
		return c.Joined(scan.Receiver(call), e)
	}
	params := f.Obj.Signature().Params()
	for i := range params.Len() {
		if params.At(i) == root && i < len(call.Args) && !f.Obj.Signature().Variadic() {
			return c.Joined(call.Args[i], e)
		}
	}
	if root.Parent() == c.Types.Scope() {
		return e
	}
	return nil
}

func (c checker) settledPath(trail []types.Object) bool {
	return !slices.ContainsFunc(trail, func(o types.Object) bool { return !c.Settled(o) })
}
