package scan

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/types/typeutil"
)

// Path is the import path of the library.
const Path = "github.com/seed-ec287111/tether"

// The packages whose functions are known by name, below Path. They are listed one
// by one: what else lies below Path is a program that uses the library, like any
// other.
var packages = []string{
	"", "keyed", "pool", "history", "weakref", "state", "inspect", "tethertest",
	"derive", "hook", "bus", "inspectweb",
	"tetherotel", "tethernats", "tetherwatermill",
}

// ending are the methods of an Owner that end it.
var ending = []string{"Destroy", "DestroyContext", "Cancel"}

// borrowing are its methods that leave it to whoever has it.
var borrowing = []string{
	"NewChild", "Go", "GoErr", "AfterFunc", "Defer", "Interrupt",
	"Alive", "Ended", "Context", "Name", "Path", "Parent", "Stats", "String",
}

// APIPackage returns the name of the library's package at an import path, "" for
// the root package, and whether it is one.
func APIPackage(path string) (string, bool) {
	path, _, _ = strings.Cut(path, " ") // "p [p.test]"
	if path == Path {
		return "", true
	}
	name, ok := strings.CutPrefix(path, Path+"/")
	return name, ok && slices.Contains(packages, name)
}

// A Call is a call of a function or method of the library.
type Call struct {
	*ast.CallExpr
	Pkg  string // "" for the root package
	Recv string // the receiver's type, "" for a function
	Name string
}

// Callee returns the function or method that call calls, an uninstantiated one, or
// nil where that is not known.
func Callee(info *types.Info, call *ast.CallExpr) *types.Func {
	fn, _ := typeutil.Callee(info, call).(*types.Func)
	if fn == nil {
		return nil
	}
	return fn.Origin()
}

// API returns e as a call of the library.
func API(info *types.Info, e ast.Node) (Call, bool) {
	call, ok := unparen(e).(*ast.CallExpr)
	if !ok {
		return Call{}, false
	}
	fn := Callee(info, call)
	if fn == nil || fn.Pkg() == nil || !fn.Exported() {
		return Call{}, false
	}
	if len(call.Args) == 1 {
		if _, several := info.TypeOf(call.Args[0]).(*types.Tuple); several {
			return Call{}, false // f(g()): which argument is which can't be seen
		}
	}
	pkg, ok := APIPackage(fn.Pkg().Path())
	if !ok {
		return Call{}, false
	}
	return Call{call, pkg, recv(fn), fn.Name()}, true
}

// Is reports whether c is of that package, receiver type and one of the names.
func (c Call) Is(pkg, recv string, names ...string) bool {
	return c.Pkg == pkg && c.Recv == recv && slices.Contains(names, c.Name)
}

// Receiver returns the expression before the method's name, or nil.
func (c Call) Receiver() ast.Expr { return Receiver(c.CallExpr) }

// Receiver returns what stands before the dot of a call, or nil.
func Receiver(call *ast.CallExpr) ast.Expr {
	if s, ok := unparen(uninstantiated(call.Fun)).(*ast.SelectorExpr); ok {
		return s.X
	}
	return nil
}

// Owner returns the owner that the call concerns: the receiver of a method of
// Owner, else the first argument that is one; nil if there is none.
func (c Call) Owner(info *types.Info) ast.Expr {
	if c.Recv == "Owner" && c.Pkg == "" {
		return c.Receiver()
	}
	return OwnerArg(info, c.CallExpr)
}

// OwnerArg returns the first argument of a call that is an owner, or nil.
func OwnerArg(info *types.Info, call *ast.CallExpr) ast.Expr {
	for _, a := range call.Args {
		if IsOwner(info.TypeOf(a)) {
			return a
		}
	}
	return nil
}

// Option returns the call of the option of that name of the root package among
// the arguments, and whether all options were calls that can be told.
func (c Call) Option(info *types.Info, name string) (option *Call, known bool) {
	known = !c.Ellipsis.IsValid()
	fn := Callee(info, c.CallExpr)
	if fn == nil || !fn.Signature().Variadic() {
		return nil, false
	}
	for i := fn.Signature().Params().Len() - 1; i < len(c.Args); i++ {
		o, ok := API(info, c.Args[i])
		if !ok {
			known = false
		} else if o.Name == name {
			option = &o
		}
	}
	return option, known
}

// IsOwner reports whether t is *tether.Owner.
func IsOwner(t types.Type) bool { return isPointerTo(t, "", "Owner") }

// IsConnection reports whether t is *tether.Connection.
func IsConnection(t types.Type) bool { return isPointerTo(t, "", "Connection") }

func isPointerTo(t types.Type, pkg, name string) bool {
	if t == nil {
		return false
	}
	p, ok := types.Unalias(t).(*types.Pointer)
	return ok && IsNamed(p.Elem(), pkg, name)
}

// IsNamed reports whether t is the type of that name of one of the library's
// packages, or an instance of it.
func IsNamed(t types.Type, pkg, name string) bool {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Name() != name || n.Obj().Pkg() == nil {
		return false
	}
	p, ok := APIPackage(n.Obj().Pkg().Path())
	return ok && p == pkg
}

// recv returns the name of the type that fn is a method of.
func recv(fn *types.Func) string {
	r := fn.Signature().Recv()
	if r == nil {
		return ""
	}
	t := types.Unalias(r.Type())
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	if n, ok := t.(*types.Named); ok {
		return n.Obj().Name()
	}
	return ""
}

func unparen(n ast.Node) ast.Node {
	if e, ok := n.(ast.Expr); ok {
		return ast.Unparen(e)
	}
	return n
}

// uninstantiated returns f of f[T].
func uninstantiated(e ast.Expr) ast.Expr {
	switch x := ast.Unparen(e).(type) {
	case *ast.IndexExpr:
		return x.X
	case *ast.IndexListExpr:
		return x.X
	}
	return e
}
