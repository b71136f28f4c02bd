// Tethervet reports what is wrong with the use of owners and signals.
//
//	tethervet ./...                           in the module at hand
//	tethervet -C ../server ./...              in another one
//	tethervet -growth -lostowner ./...        these analyzers alone
//	tethervet -json ./...                     for other programs
//	tethervet -fix ./...                      applies the suggested fixes
//	tethervet help growth                     what an analyzer is about
//	go vet -vettool=$(which tethervet) ./...  by way of go vet, which remembers results
package main

import (
	"fmt"
	"os"

	"golang.org/x/tools/go/analysis/multichecker"

	"github.com/seed-ec287111/tether/tethervet"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "-C" { // first, as with the go command
		if err := os.Chdir(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "tethervet:", err)
			os.Exit(1)
		}
		os.Args = append(os.Args[:1], os.Args[3:]...)
	}
	multichecker.Main(tethervet.Analyzers...)
}
