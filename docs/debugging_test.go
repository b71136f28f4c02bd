package docs

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite the page's code, and the line numbers of its transcripts")

const page = "debugging.md"

// Blocks of the page: code with the comment before it, and transcripts, whose
// first lines are the commands.
var (
	code       = regexp.MustCompile("(?:<!-- (program|snippet): (\\S+) -->\n)?```go\n((?s:.*?))```\n")
	transcript = regexp.MustCompile("```console\n((?:\\$ .*\n)+)((?s:.*?))```\n")
	fence      = regexp.MustCompile("(?m)^```(.*)\n")
)

func TestTheDebuggingPageShowsTheCodeThatIsCompiled(t *testing.T) {
	shows(t, page, snippets(t, "debugging/*.go"))
}

// shows compares the blocks of Go code of a page, each with a comment before it that names
// it, with those that there are.
func shows(t *testing.T, page string, want map[string]string) {
	shown := make(map[string]bool)
	edit(t, page, code, func(m []string) string {
		kind, name := m[1], m[2]
		if !assert.Contains(t, want, name, "%s: this block is not compiled:\n%s", page, m[3]) {
			return m[0]
		}
		assert.False(t, shown[name], "%s shows %q again", page, name)
		shown[name] = true
		if !*update {
			assert.Equal(t, want[name], m[3], "%s: %s: go test ./docs -update", page, name)
		}
		return "<!-- " + kind + ": " + name + " -->\n```go\n" + want[name] + "```\n"
	})
	for name := range want {
		assert.True(t, shown[name], "%s does not show %q", page, name)
	}
}

// Every transcript is that of a run. What may differ between two runs is not
// compared, see steady; what comes before and after, and where a line says "...",
// is left out.
func TestTheDebuggingPageShowsWhatRunsPrint(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs programs, for some ten seconds")
	}
	temp := t.TempDir()
	edit(t, page, transcript, func(m []string) string {
		var printed strings.Builder
		for command := range strings.Lines(m[1]) {
			out, ok := run(t, strings.TrimPrefix(command, "$ "), temp)
			if !ok {
				return m[0]
			}
			printed.WriteString(out)
		}
		lines, missing := excerpt(m[2], printed.String(), strings.Contains(m[1], " ./examples/httpserver"))
		assert.Empty(t, missing, "%sdoes not print this line, or not there; it prints\n%s", m[1], &printed)
		return "```console\n" + m[1] + lines + "```\n"
	})
}

// All blocks are of a kind that is checked.
func TestTheDebuggingPageHasNoOtherBlocks(t *testing.T) {
	text := read(t, page)
	kinds := make(map[string]int)
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		kinds[m[1]]++
	}
	n := len(code.FindAllString(text, -1))
	assert.Equal(t, n, strings.Count(text, "<!-- snippet:"), "comments without code")
	assert.Equal(t, map[string]int{
		"go": n, "console": len(transcript.FindAllString(text, -1)), "sh": 1, "": kinds["go"] + kinds["console"] + 1,
	}, kinds)
	assert.Less(t, strings.Count(text, "\n"), 285, "lines")
}

// edit hands a page's blocks to f, and writes what it makes of them if asked to.
func edit(t *testing.T, page string, block *regexp.Regexp, f func(m []string) string) {
	text := read(t, page)
	result := block.ReplaceAllStringFunc(text, func(s string) string { return f(block.FindStringSubmatch(s)) })
	if *update && !t.Failed() && result != text {
		require.NoError(t, os.WriteFile(page, []byte(result), 0o644))
	}
}

func read(t *testing.T, file string) string {
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

// run runs a go command in the module's root and returns all that it prints. The
// profiles that it names are in temp. It returns false where -race is impossible.
func run(t *testing.T, command, temp string) (printed string, ok bool) {
	args := strings.Fields(command)
	require.Equal(t, "go", args[0], command)
	for i, a := range args {
		if strings.HasSuffix(a, ".pprof") {
			args[i] = filepath.Join(temp, a)
		}
	}
	c := exec.CommandContext(t.Context(), args[0], args[1:]...)
	c.Dir = ".."
	out, _ := c.CombinedOutput() // some are to fail
	printed = strings.ReplaceAll(string(out), "\r\n", "\n")
	if strings.Contains(printed, "-race requires") || strings.Contains(printed, "-race is not supported") {
		t.Log(command, printed)
		return "", false
	}
	return printed, true
}

// excerpt compares the lines of a transcript with those that were printed, from
// the first that is the same on. It returns the transcript with the positions of
// now, and the first line that is missing.
func excerpt(want, printed string, anyNumbers bool) (lines, missing string) {
	same := func(a, b string) bool { return steady(a, anyNumbers) == steady(b, anyNumbers) }
	var b strings.Builder
	left := strings.SplitAfter(strings.TrimRight(printed, "\n"), "\n")
	gap := true
	for w := range strings.Lines(want) {
		if strings.TrimSpace(w) == "..." {
			gap = true
			b.WriteString(w)
			continue
		}
		for gap && len(left) > 0 && !same(w, left[0]) {
			left = left[1:]
		}
		if len(left) == 0 || !same(w, left[0]) {
			return want, w
		}
		gap = false
		if slices.Equal(position.FindAllString(w, -1), position.FindAllString(left[0], -1)) {
			b.WriteString(w) // what else has changed changes in each run
		} else {
			b.WriteString(strings.TrimRight(left[0], "\n") + "\n")
		}
		left = left[1:]
	}
	return b.String(), ""
}

var (
	position = regexp.MustCompile(`\.go:\d+`)
	number   = regexp.MustCompile(`\d+`)
	parts    = []struct {
		is *regexp.Regexp
		as string
	}{
		{position, ".go:#"},
		{regexp.MustCompile(`0x[0-9a-f]+`), "0x#"},
		{regexp.MustCompile(`([Gg])oroutine \d+`), "${1}oroutine #"},
		{regexp.MustCompile(`\d[\d.]*(ns|µs|ms|s)\b`), "#s"},
		{regexp.MustCompile(`\s+`), " "}, // columns move with what is in them
	}
)

// steady returns what is the same in each run: not the numbers of lines, the
// addresses, goroutines and durations; with anyNumbers, no number at all.
func steady(line string, anyNumbers bool) string {
	for _, p := range parts {
		line = p.is.ReplaceAllString(line, p.as)
	}
	if anyNumbers {
		line = number.ReplaceAllString(line, "#")
	}
	return strings.TrimSpace(line)
}

// snippets returns the marked regions of the files, without the indentation that
// they have in common.
func snippets(t *testing.T, pattern string) map[string]string {
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	found := make(map[string]string)
	for _, file := range files {
		var name, indent, text string
		for line := range strings.Lines(read(t, file)) {
			trimmed := strings.TrimSpace(line)
			if n, ok := strings.CutPrefix(trimmed, "// snippet: "); ok {
				require.Empty(t, name, "%s: %q is in another one", file, n)
				require.NotContains(t, found, n, file)
				name, text = n, ""
				indent, _, _ = strings.Cut(line, "//")
			} else if trimmed == "// end" {
				require.NotEmpty(t, name, "%s: an end of nothing", file)
				found[name] = strings.Trim(text, "\n") + "\n"
				name = ""
			} else {
				text += strings.TrimPrefix(line, indent)
			}
		}
		require.Empty(t, name, "%s: no end", file)
	}
	return found
}
