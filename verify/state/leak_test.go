package state

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.nofailfile", "true"); err != nil { // the log has all that was drawn
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
