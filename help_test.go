package tether_test

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/seed-ec287111/tether"
)

// logs is where slog writes during a test.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), s)
}

func (l *logs) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), s)
}

func captureLogs(t *testing.T) *logs {
	tether.ForgetLost()
	l := new(logs)
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(l, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return l
}

// crash runs the calling test again in a process of its own, where it is to call
// f and be killed by it, and returns what that process printed.
func crash(t *testing.T, f func()) string {
	t.Helper()
	if os.Getenv("TETHER_CRASH") == t.Name() {
		f()
		os.Exit(0) // it did not crash
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), "TETHER_CRASH="+t.Name())
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("the process did not crash; it printed:\n%s", out)
	}
	return string(out)
}
