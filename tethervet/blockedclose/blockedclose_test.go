package blockedclose_test

import (
	"testing"

	"github.com/seed-ec287111/tether/tethervet/blockedclose"
	"github.com/seed-ec287111/tether/tethervet/internal/vettest"
)

func TestCases(t *testing.T) { vettest.Run(t, blockedclose.Analyzer) }
