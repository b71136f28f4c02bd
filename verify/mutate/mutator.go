package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"sort"
	"strings"
)

// A Mutant is one change of the library's source.
type Mutant struct {
	N    int    // its number in the compiled schema
	File string // relative to the root of the repository
	Line int
	Col  int
	Op   string
	Func string
	Text string // of what is changed, on one line
	Nth  int    // which one of those with the same File, Func, Op and Text
}

// ID says where the mutant stands now.
func (m *Mutant) ID() string { return fmt.Sprintf("%s:%d:%d %s", m.File, m.Line, m.Col, m.Op) }

// Key says what the mutant is. It outlives changes elsewhere in the file.
func (m *Mutant) Key() string {
	key := strings.Join([]string{m.File, m.Func, m.Op, m.Text}, " | ")
	if m.Nth > 1 {
		key += fmt.Sprintf(" | #%d", m.Nth)
	}
	return key
}

// A source is one file that is being rewritten.
type source struct {
	name string
	file *ast.File
	fset *token.FileSet
	info *types.Info
	pkg  *types.Package
	text []byte

	edits []*edit
	found []*Mutant
	next  *int           // the number of the next mutant
	seen  map[string]int // how often a key was met
	fn    string         // the function that is being looked at
}

// An edit replaces the text of one node. An edit inside another is applied by
// the outer one's render, which gets the source's own text by way of sub.
type edit struct {
	from, to int
	render   func(sub func(from, to token.Pos) string) string
}

func (s *source) offset(p token.Pos) int { return s.fset.Position(p).Offset }

func (s *source) edit(n ast.Node, render func(sub func(from, to token.Pos) string) string) {
	s.edits = append(s.edits, &edit{s.offset(n.Pos()), s.offset(n.End()), render})
}

// add enters a mutant of n and returns its number.
func (s *source) add(n ast.Node, op string) int {
	text := strings.Join(strings.Fields(string(s.text[s.offset(n.Pos()):s.offset(n.End())])), " ")
	if r := []rune(text); len(r) > 70 {
		text = string(r[:70]) + "..."
	}
	pos := s.fset.Position(n.Pos())
	m := &Mutant{N: *s.next, File: s.name, Line: pos.Line, Col: pos.Column, Op: op, Func: s.fn, Text: text, Nth: 1}
	key := m.Key()
	s.seen[key]++
	m.Nth = s.seen[key]
	*s.next++
	s.found = append(s.found, m)
	return m.N
}

// rewritten returns the source with every mutant in it, line for line where the
// original has them.
func (s *source) rewritten(importPath string) string {
	s.edit(s.file.Name, func(sub func(from, to token.Pos) string) string {
		return sub(s.file.Name.Pos(), s.file.Name.End()) + "; import mutant__ \"" + importPath + "\""
	})
	sort.SliceStable(s.edits, func(i, j int) bool {
		a, b := s.edits[i], s.edits[j]
		if a.from != b.from {
			return a.from < b.from
		}
		return a.to > b.to
	})
	return s.apply(0, len(s.text), 0)
}

// apply returns the text between two offsets with the edits from number i on.
func (s *source) apply(from, to, i int) string {
	var b strings.Builder
	at := from
	for ; i < len(s.edits) && s.edits[i].from < to; i++ {
		e := s.edits[i]
		if e.from < at || e.to > to {
			continue
		}
		b.Write(s.text[at:e.from])
		b.WriteString(e.render(func(from, to token.Pos) string {
			return s.apply(s.offset(from), s.offset(to), i+1)
		}))
		at = e.to
	}
	b.Write(s.text[at:to])
	return b.String()
}

// mutate finds all mutants of the file.
func (s *source) mutate() {
	for _, d := range s.file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		s.fn = fn.Name.Name
		if fn.Recv != nil {
			recv := string(s.text[s.offset(fn.Recv.List[0].Type.Pos()):s.offset(fn.Recv.List[0].Type.End())])
			recv, _, _ = strings.Cut(recv, "[") // its type parameters say nothing
			s.fn = "(" + recv + ")." + fn.Name.Name
		}
		s.body(fn.Type, fn.Body)
	}
}

// body finds the mutants of one function's body; those of the function
// literals in it are found on the way.
func (s *source) body(typ *ast.FuncType, body *ast.BlockStmt) {
	results := typ.Results != nil && len(typ.Results.List) > 0
	whole := map[ast.Expr]bool{} // conditions whose swap is their negation
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			s.body(n.Type, n.Body)
			return false
		case *ast.BlockStmt:
			s.statements(n.List, results)
		case *ast.CaseClause:
			s.statements(n.Body, results)
			for _, e := range n.List {
				if s.isBool(e) {
					whole[ast.Unparen(e)] = true
					s.condition(e, "negate", "true", "false")
				}
			}
		case *ast.CommClause:
			s.statements(n.Body, results)
		case *ast.IfStmt:
			whole[ast.Unparen(n.Cond)] = true
			s.condition(n.Cond, "negate", "true", "false")
		case *ast.ForStmt:
			if n.Cond != nil {
				whole[ast.Unparen(n.Cond)] = true
				s.condition(n.Cond, "negate", "false")
			}
		case *ast.ReturnStmt:
			for _, e := range n.Results {
				s.truth(e)
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "panic" {
				return false
			}
			for _, e := range n.Args {
				s.truth(e)
			}
		case *ast.BinaryExpr:
			s.binary(n, whole[n])
		case *ast.BasicLit:
			s.constant(n)
		case *ast.ArrayType: // its length is a constant
			return false
		}
		return true
	})
}

// statements deletes what can be deleted of a list.
func (s *source) statements(list []ast.Stmt, results bool) {
	for i, stmt := range list {
		last := i == len(list)-1
		switch n := stmt.(type) {
		case *ast.ExprStmt:
			call, ok := n.X.(*ast.CallExpr)
			if !ok || strings.HasPrefix(types.ExprString(call.Fun), "yield.") {
				continue
			}
			if types.ExprString(call.Fun) == "panic" && last && results {
				continue // the function would have no end
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE || types.ExprString(n.Lhs[0]) == "_" {
				continue
			}
			if (n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN) && s.integer(n.Lhs[0]) != "" {
				k := s.add(n, "delete")
				l := s.add(n, "swap")
				s.edit(n, func(sub func(from, to token.Pos) string) string {
					return fmt.Sprintf("if !mutant__.On(%d) { %s %s %s(mutant__.Sign(%d)) * (%s) }", k,
						sub(n.Lhs[0].Pos(), n.Lhs[0].End()), n.Tok, s.integer(n.Lhs[0]), l, sub(n.Rhs[0].Pos(), n.Rhs[0].End()))
				})
				continue
			}
		case *ast.IncDecStmt:
			k := s.add(n, "delete")
			l := s.add(n, "swap")
			s.edit(n, func(sub func(from, to token.Pos) string) string {
				x := sub(n.X.Pos(), n.X.End())
				other := map[token.Token]string{token.INC: "--", token.DEC: "++"}[n.Tok]
				return fmt.Sprintf("if mutant__.On(%d) { %s%s } else if !mutant__.On(%d) { %s%s }", l, x, other, k, x, n.Tok)
			})
			continue
		case *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
		case *ast.BranchStmt:
			if n.Tok != token.BREAK && n.Tok != token.CONTINUE {
				continue
			}
		case *ast.ReturnStmt:
			if len(n.Results) > 0 || results {
				continue
			}
		default:
			continue
		}
		k := s.add(stmt, "delete")
		s.edit(stmt, func(sub func(from, to token.Pos) string) string {
			return fmt.Sprintf("if !mutant__.On(%d) { %s }", k, sub(stmt.Pos(), stmt.End()))
		})
	}
}

// condition changes what a branch depends on.
func (s *source) condition(e ast.Expr, ops ...string) {
	ks := map[string]int{}
	for _, op := range ops {
		ks[op] = s.add(e, op)
	}
	s.edit(e, func(sub func(from, to token.Pos) string) string {
		text := fmt.Sprintf("(%s) != mutant__.On(%d)", sub(e.Pos(), e.End()), ks["negate"])
		if k, ok := ks["true"]; ok {
			text = fmt.Sprintf("mutant__.On(%d) || (%s)", k, text)
		}
		return fmt.Sprintf("(!mutant__.On(%d) && (%s))", ks["false"], text)
	})
}

var swaps = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
}

// binary swaps an operator. negated says that the negation of n is there.
func (s *source) binary(n *ast.BinaryExpr, negated bool) {
	if s.info.Types[n].Value != nil {
		return
	}
	var form func(x, y string) string
	switch n.Op {
	case token.EQL, token.NEQ:
		if negated {
			return
		}
		k := s.add(n, "swap")
		form = func(x, y string) string { return fmt.Sprintf("((%s %s %s) != mutant__.On(%d))", x, n.Op, y, k) }
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		k := s.add(n, "swap")
		form = func(x, y string) string {
			return fmt.Sprintf("(mutant__.On(%d) && %s %s %s || !mutant__.On(%d) && %s %s %s)", k, x, swaps[n.Op], y, k, x, n.Op, y)
		}
	case token.LAND, token.LOR: // by De Morgan
		k := s.add(n, "swap")
		form = func(x, y string) string {
			on := fmt.Sprintf("mutant__.On(%d)", k)
			return fmt.Sprintf("(((%s) != %s %s (%s) != %s) != %s)", x, on, n.Op, y, on, on)
		}
	case token.ADD, token.SUB:
		typ := s.integer(n)
		if typ == "" {
			return
		}
		k := s.add(n, "swap")
		form = func(x, y string) string {
			return fmt.Sprintf("(%s %s %s(mutant__.Sign(%d)) * (%s))", x, n.Op, typ, k, y)
		}
	default:
		return
	}
	s.edit(n, func(sub func(from, to token.Pos) string) string {
		return form(sub(n.X.Pos(), n.X.End()), sub(n.Y.Pos(), n.Y.End()))
	})
}

// constant changes 0 to 1 and 1 to 0.
func (s *source) constant(n *ast.BasicLit) {
	typ := s.integer(n)
	if typ == "" || n.Value != "0" && n.Value != "1" || s.inConstant(n) {
		return
	}
	k := s.add(n, "constant")
	s.edit(n, func(func(from, to token.Pos) string) string {
		return fmt.Sprintf("%s(mutant__.Int(%d, %s))", typ, k, n.Value)
	})
}

// inConstant reports whether n is a part of a larger constant.
func (s *source) inConstant(n *ast.BasicLit) bool {
	for e, tv := range s.info.Types {
		if tv.Value != nil && e != ast.Expr(n) && e.Pos() <= n.Pos() && n.End() <= e.End() {
			return true
		}
	}
	return false
}

// truth changes true to false and false to true.
func (s *source) truth(e ast.Expr) {
	id, ok := e.(*ast.Ident)
	if !ok || id.Name != "true" && id.Name != "false" {
		return
	}
	k := s.add(id, "constant")
	s.edit(id, func(func(from, to token.Pos) string) string {
		return fmt.Sprintf("(%s != mutant__.On(%d))", id.Name, k)
	})
}

func (s *source) isBool(e ast.Expr) bool {
	tv := s.info.Types[e]
	if tv.Type == nil || tv.Value != nil {
		return false
	}
	b, ok := tv.Type.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0
}

// integer returns the name of e's type if that is an integer's, else "".
func (s *source) integer(e ast.Expr) string {
	t := s.info.Types[e].Type
	if t == nil {
		return ""
	}
	b, ok := t.Underlying().(*types.Basic)
	if !ok || b.Info()&types.IsInteger == 0 || b.Info()&types.IsUntyped != 0 {
		return ""
	}
	return types.TypeString(t, func(p *types.Package) string {
		if p == s.pkg {
			return ""
		}
		return p.Name()
	})
}
