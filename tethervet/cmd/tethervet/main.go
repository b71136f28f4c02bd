// Tethervet reports what is wrong with the use of owners and signals.
//
//	tethervet ./...                           in the module at hand
//	tethervet -C ../server ./...              in another one
//	tethervet -growth -lostowner ./...        these analyzers alone
//	tethervet -fix ./...                      applies the suggested fixes
//	tethervet -json ./...                     for other programs
//	tethervet -sarif ./...                    for code hosts, on standard output
//	tethervet help growth                     what an analyzer is about
//	go vet -vettool=$(which tethervet) ./...  by way of go vet, which remembers results
//
// -C and -sarif come first. It exits with 0 if there is nothing to report, with 1 if
// it could not look, and otherwise with 3, but 0 with -json and -sarif.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/analysis/multichecker"
	"golang.org/x/tools/go/packages"

	"github.com/seed-ec287111/tether/tethervet"
	"github.com/seed-ec287111/tether/tethervet/sarif"
)

func main() {
	args := os.Args[1:]
	if len(args) > 1 && args[0] == "-C" {
		if err := os.Chdir(args[1]); err != nil {
			fail(err)
		}
		args = args[2:]
	}
	if len(args) > 0 && args[0] == "-sarif" {
		if err := writeSARIF(os.Stdout, args[1:]); err != nil {
			fail(err)
		}
		return
	}
	os.Args = append(os.Args[:1], args...)
	multichecker.Main(tethervet.Analyzers...)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "tethervet:", err)
	os.Exit(1)
}

func writeSARIF(w io.Writer, patterns []string) error {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadAllSyntax, Tests: true}, patterns...)
	if err != nil {
		return err
	}
	if packages.PrintErrors(pkgs) > 0 {
		return errors.New("there are errors in the packages")
	}
	graph, err := checker.Analyze(tethervet.Analyzers, pkgs, nil)
	if err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	return sarif.Write(w, root, tethervet.Analyzers, graph)
}
