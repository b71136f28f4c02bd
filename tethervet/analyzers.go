package tethervet

import (
	"golang.org/x/tools/go/analysis"

	"github.com/seed-ec287111/tether/tethervet/blockedclose"
	"github.com/seed-ec287111/tether/tethervet/computedget"
	"github.com/seed-ec287111/tether/tethervet/growth"
	"github.com/seed-ec287111/tether/tethervet/hiddenowner"
	"github.com/seed-ec287111/tether/tethervet/lostowner"
	"github.com/seed-ec287111/tether/tethervet/missedvalue"
	"github.com/seed-ec287111/tether/tethervet/rawgo"
	"github.com/seed-ec287111/tether/tethervet/selfdestroy"
	"github.com/seed-ec287111/tether/tethervet/underlock"
)

// Analyzers are all that there are, in the order of the README's table.
var Analyzers = []*analysis.Analyzer{
	lostowner.Analyzer,
	growth.Analyzer,
	blockedclose.Analyzer,
	selfdestroy.Analyzer,
	underlock.Analyzer,
	missedvalue.Analyzer,
	computedget.Analyzer,
	hiddenowner.Analyzer,
	rawgo.Analyzer,
}
