package hiddenowner_test

import (
	"testing"

	"github.com/seed-ec287111/tether/tethervet/hiddenowner"
	"github.com/seed-ec287111/tether/tethervet/internal/vettest"
)

func TestCases(t *testing.T) { vettest.Run(t, hiddenowner.Analyzer) }
