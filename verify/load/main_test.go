package load

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// again runs the calling test in a process of its own, with env, and returns
// what it printed. child is true in that process.
func again(t *testing.T, env ...string) (out string, err error, child bool) {
	t.Helper()
	if os.Getenv("TETHER_LOAD_AGAIN") == t.Name() {
		return "", nil, true
	}
	out, err = once(t, t.Name(), env...)
	return out, err, false
}

// once runs the named test in a process of its own.
func once(t *testing.T, name string, env ...string) (out string, err error) {
	t.Helper()
	args := []string{"-test.v", "-test.run=^" + strings.ReplaceAll(name, "/", "$/^") + "$"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), "TETHER_LOAD_AGAIN="+name, "GORACE=atexit_sleep_ms=0"), env...)
	b, err := cmd.CombinedOutput()
	return string(b), err
}
