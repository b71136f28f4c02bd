package scan

import (
	"go/parser"
	"go/token"
	"strings"
)

// Doc returns the package comment of a source file as an analyzer's documentation:
// from the verb on, as the name is printed before it.
func Doc(source string) string {
	f, err := parser.ParseFile(token.NewFileSet(), "doc.go", source, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		panic("tethervet: " + err.Error()) // it is embedded: a test would have found it
	}
	return strings.TrimPrefix(f.Doc.Text(), "Package "+f.Name.Name+" ")
}
