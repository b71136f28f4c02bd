package computedget_test

import (
	"testing"

	"github.com/seed-ec287111/tether/tethervet/computedget"
	"github.com/seed-ec287111/tether/tethervet/internal/vettest"
)

func TestCases(t *testing.T) { vettest.Run(t, computedget.Analyzer) }
