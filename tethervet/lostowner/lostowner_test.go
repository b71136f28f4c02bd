package lostowner_test

import (
	"testing"

	"github.com/seed-ec287111/tether/tethervet/internal/vettest"
	"github.com/seed-ec287111/tether/tethervet/lostowner"
)

func TestCases(t *testing.T) { vettest.Run(t, lostowner.Analyzer) }
