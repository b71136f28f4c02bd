package tethervet

import (
	"golang.org/x/tools/go/analysis"

	"github.com/seed-ec287111/tether/tethervet/blockedclose"
	"github.com/seed-ec287111/tether/tethervet/computedget"
	"github.com/seed-ec287111/tether/tethervet/growth"
	"github.com/seed-ec287111/tether/tethervet/lostowner"
	"github.com/seed-ec287111/tether/tethervet/missedvalue"
	"github.com/seed-ec287111/tether/tethervet/selfdestroy"
)

// Analyzers are all that there are, in the order of the README's table.
var Analyzers = []*analysis.Analyzer{
	lostowner.Analyzer,
	growth.Analyzer,
	blockedclose.Analyzer,
	selfdestroy.Analyzer,
	missedvalue.Analyzer,
	computedget.Analyzer,
}
