package missedvalue_test

import (
	"testing"

	"github.com/seed-ec287111/tether/tethervet/internal/vettest"
	"github.com/seed-ec287111/tether/tethervet/missedvalue"
)

func TestCases(t *testing.T) { vettest.Run(t, missedvalue.Analyzer) }
