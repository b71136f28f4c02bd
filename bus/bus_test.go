package bus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/inspect"
)

// Its owner was "made by unknown".
func TestBus_ItsOwnerIsMadeByTheUser(t *testing.T) {
	defer inspect.RecordSites()()
	app, _ := newBus(t)
	n := 0
	for child := range inspect.Of(app).Children() {
		require.Contains(t, child.Made.File, "_test.go")
		n++
	}
	require.Equal(t, 1, n)
}
