package lostowner

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// known is what a path knows of conditions, by their text.
type known map[string]bool

// literal returns the text of a condition and whether it is that or its opposite.
func literal(e ast.Expr, is bool) (string, bool) {
	switch x := ast.Unparen(e).(type) {
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			return literal(x.X, !is)
		}
	case *ast.BinaryExpr:
		if x.Op == token.NEQ {
			return types.ExprString(x.X) + " == " + types.ExprString(x.Y), !is
		}
	}
	return types.ExprString(e), is
}

func (k known) learn(e ast.Expr, is bool) {
	text, value := literal(e, is)
	k[text] = value
}

func (k known) with(text string, is bool) known {
	c := make(known, len(k)+1)
	for t, v := range k {
		c[t] = v
	}
	c[text] = is
	return c
}

// assume returns k and that e is so, and whether the two agree.
func (k known) assume(e ast.Expr, is bool) (known, bool) {
	text, value := literal(e, is)
	if v, ok := k[text]; ok {
		return k, v == value
	}
	return k.with(text, value), true
}

// forget returns k without what an assignment in n may have changed.
func (k known) forget(info *types.Info, n ast.Node) known {
	var changed []string
	switch s := n.(type) {
	case *ast.AssignStmt:
		for _, l := range s.Lhs {
			changed = append(changed, types.ExprString(l))
		}
	case *ast.IncDecStmt:
		changed = append(changed, types.ExprString(s.X))
	case *ast.ValueSpec:
		for _, name := range s.Names {
			changed = append(changed, name.Name)
		}
	case *ast.Ident: // of a range statement
		changed = append(changed, s.Name)
	}
	for _, name := range changed {
		for text := range k {
			if strings.Contains(text, name) && !strings.HasPrefix(text, "entered ") {
				k = k.without(text)
			}
		}
	}
	return k
}

func (k known) without(text string) known {
	c := make(known, len(k))
	for t, v := range k {
		if t != text {
			c[t] = v
		}
	}
	return c
}

func (k known) String() string {
	texts := make([]string, 0, len(k))
	for t, v := range k {
		texts = append(texts, fmt.Sprint(t, v))
	}
	slices.Sort(texts)
	return strings.Join(texts, ",")
}
