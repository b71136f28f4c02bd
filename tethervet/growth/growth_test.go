package growth_test

import (
	"testing"

	"github.com/seed-ec287111/tether/tethervet/growth"
	"github.com/seed-ec287111/tether/tethervet/internal/vettest"
)

func TestCases(t *testing.T) { vettest.Run(t, growth.Analyzer) }
