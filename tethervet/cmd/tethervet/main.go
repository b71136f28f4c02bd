package main

import (
	"golang.org/x/tools/go/analysis/multichecker"

	"github.com/seed-ec287111/tether/tethervet"
)

func main() { multichecker.Main(tethervet.Analyzers...) }
