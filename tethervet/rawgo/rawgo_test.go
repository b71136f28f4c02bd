package rawgo_test

import (
	"testing"

	"github.com/seed-ec287111/tether/tethervet/internal/vettest"
	"github.com/seed-ec287111/tether/tethervet/rawgo"
)

func TestCases(t *testing.T) {
	if err := rawgo.Analyzer.Flags.Set("on", "true"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rawgo.Analyzer.Flags.Set("on", "false") })
	vettest.Run(t, rawgo.Analyzer)
}
