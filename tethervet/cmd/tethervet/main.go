package main

import (
	"golang.org/x/tools/go/analysis/multichecker"

	"github.com/seed-ec287111/tether/tethervet/growth"
	"github.com/seed-ec287111/tether/tethervet/lostowner"
)

func main() { multichecker.Main(lostowner.Analyzer, growth.Analyzer) }
