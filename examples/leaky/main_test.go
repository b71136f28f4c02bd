package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The source marks each leak; a tool must name that line.
func TestEachLeakIsNamedWithItsLine(t *testing.T) {
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	at := make(map[string]int)
	for i, l := range strings.Split(string(source), "\n") {
		if _, mark, ok := strings.Cut(l, "// leak "); ok {
			at[mark] = i + 1
		}
	}
	require.Len(t, at, 6)

	var out bytes.Buffer
	require.NoError(t, run(&out))
	for leak, report := range map[string]string{
		"1": "grows: 20 × connection string of app,",
		"2": "grows: 20 × child client-# of app,",
		"3": "grows: 20 × cleanup  of app,",
		"4": "grows: 20 × goroutine  of app,",
		"5": "lost: task with ",
		"6": "stuck: handler of app,",
	} {
		pos := fmt.Sprintf("main.go:%d)", at[leak])
		found := false
		for l := range strings.Lines(out.String()) {
			found = found || strings.HasPrefix(l, report) && strings.HasSuffix(l, pos+"\n")
		}
		require.True(t, found, "leak %s: no line %q ... %q in\n%s", leak, report, pos, &out)
	}
	require.Contains(t, out.String(), fmt.Sprintf("main.go:%d) of app, and 19 more\n", at["4"]), "the stuck teardown")
	require.Contains(t, out.String(), "stuck: drain of app,")
}
