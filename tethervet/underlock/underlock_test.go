package underlock_test

import (
	"testing"

	"github.com/seed-ec287111/tether/tethervet/internal/vettest"
	"github.com/seed-ec287111/tether/tethervet/underlock"
)

func TestCases(t *testing.T) { vettest.Run(t, underlock.Analyzer) }
