package main

import (
	"flag"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var faulty = flag.Bool("faulty", false, "run the test whose failure the page shows")

func TestForgotten(t *testing.T) {
	if !*faulty {
		t.Skip("fails, to show how")
	}
	synctest.Test(t, testForgotten)
}

// What outlives the test below.
var (
	news    tether.Signal[string]
	session *tether.Owner
)

func testForgotten(t *testing.T) {
	// snippet: verify
	tethertest.VerifyNone(t)             // first: judges when all other cleanups have run
	session = tether.NewOwner("session") // the fault: nobody destroys it
	news.Connect(session, show)
	// end
}

// It is Destroy that makes this form right: with a Disconnect in its place, -race
// fails the test.
func TestACloseThatWaits(t *testing.T) {
	tethertest.VerifyNone(t)
	assert.Nil(t, inTime(tethertest.NewOwner(t)).lines)
}
