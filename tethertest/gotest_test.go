package tethertest_test

import (
	"os"
	"os/exec"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

const leaky = "TETHERTEST_LEAKY"

// TestLeaky fails, in the process that the test below starts.
func TestLeaky(t *testing.T) {
	if os.Getenv(leaky) == "" {
		t.Skip("started by TestGoTest_PrintsWhatTestsLeave")
	}
	tether.OnLost(nil)
	t.Run("tidy", func(t *testing.T) {
		t.Parallel()
		tethertest.VerifyNone(t)
		tethertest.NewOwner(t).Go(work)
	})
	t.Run("leaks", func(t *testing.T) {
		t.Parallel()
		tethertest.VerifyWithin(t, 0)
		var said tether.Signal[string]
		said.Connect(makeApp(), hear)
	})
	t.Run("hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tethertest.VerifyNone(t)
			hold := make(chan bool)
			t.Cleanup(func() { close(hold) })
			tethertest.NewOwner(t).Defer(func() { <-hold })
		})
	})
	t.Run("expects", func(t *testing.T) {
		t.Parallel()
		var said tether.Signal[string]
		r := tethertest.Record(t, &said)
		said.Fire("ann")
		r.Expect("bob")
		t.Error("it went on")
	})
}

func TestGoTest_PrintsWhatTestsLeave(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestLeaky$", "-test.v")
	cmd.Env = append(os.Environ(), leaky+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	text := (&fake{text: []string{string(out)}}).message()
	require.Contains(t, text, "--- PASS: TestLeaky/tidy")
	require.Contains(t, text, "--- FAIL: TestLeaky/leaks")
	require.Contains(t, text, "tethertest: VerifyNone: TestLeaky/leaks has ended, but not all that was made in it.\n")
	require.Contains(t, text, "owner app")
	require.Contains(t, text, "made by makeApp (verify_test.go)")
	require.Contains(t, text, "--- FAIL: TestLeaky/hangs")
	require.Contains(t, text, `NewOwner: owner "TestLeaky/hangs" was told to end, and 10s later it has not.`)
	require.Contains(t, text, "--- FAIL: TestLeaky/expects")
	require.Regexp(t, `    gotest_test.go:\d+: tethertest: Expect: value #1 is another one.\n`, text)
	require.NotContains(t, text, "it went on")
}
