package docs

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The pages that show whole programs, and where these are.
var programs = map[string]string{
	"shutdown.md":  "shutdown/*/main.go",
	"../README.md": "first/main.go",
}

// program is a program on a page, with the comment before it that names the file.
var program = regexp.MustCompile("(?:<!-- program: (\\S+) -->\n)?```go\n((?s:.*?))```\n")

func TestThePagesShowTheProgramsThatAreCompiled(t *testing.T) {
	for page, pattern := range programs {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		shown := make(map[string]bool)
		edit(t, page, program, func(m []string) string {
			file := strings.TrimPrefix(m[1], "docs/")
			if !assert.Contains(t, files, file, "%s: this block is of no program:\n%s", page, m[2]) {
				return m[0]
			}
			shown[file] = true
			want := read(t, file)
			if !*update {
				assert.Equal(t, want, m[2], "%s: %s: go test ./docs -update", page, file)
			}
			return "<!-- program: docs/" + file + " -->\n```go\n" + want + "```\n"
		})
		for _, file := range files {
			assert.True(t, shown[file], "%s does not show %s", page, file)
		}
	}
}

// Each transcript is that of a run, from the first line to the exit status. A line ^C in
// it is an interrupt, sent when what stands above has been printed.
func TestThePagesShowWhatTheProgramsPrint(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs programs, for some seconds")
	}
	if runtime.GOOS == "windows" {
		t.Skip("no interrupt can be sent to a process")
	}
	for page := range programs {
		transcripts := 0
		edit(t, page, transcript, func(m []string) string {
			transcripts++
			printed := session(t, strings.TrimPrefix(strings.TrimSuffix(m[1], "\n"), "$ "), m[2])
			if !*update {
				assert.Equal(t, plain(m[2]), plain(printed), "%s: %s", page, m[1])
			}
			if plain(m[2]) == plain(printed) {
				return m[0]
			}
			return "```console\n" + m[1] + printed + "```\n"
		})
		assert.Positive(t, transcripts, page)
	}
}

// plain returns a transcript without what is different in each run.
func plain(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(steady(line, false) + "\n")
	}
	return b.String()
}

// session runs a command of go run, and returns all that a terminal would show. It
// interrupts where want does.
func session(t *testing.T, command, want string) string {
	t.Helper()
	args := strings.Fields(command)
	require.Equal(t, []string{"go", "run"}, args[:2], command)
	args = args[2:]
	flags := []string{"build", "-o", filepath.Join(t.TempDir(), "program")}
	if args[0] == "-trimpath" {
		flags, args = append(flags, "-trimpath"), args[1:]
	}
	build := exec.CommandContext(t.Context(), "go", append(flags, args[0])...)
	build.Dir = ".."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	c := exec.CommandContext(t.Context(), flags[2], args[1:]...)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	c.Stdout, c.Stderr = w, w
	require.NoError(t, c.Start())
	w.Close()
	hung := time.AfterFunc(2*time.Minute, func() { _ = c.Process.Kill() })
	defer hung.Stop()

	var printed bytes.Buffer
	lines := bufio.NewScanner(r)
	for line := range strings.Lines(want) {
		if strings.TrimSpace(line) == "^C" {
			printed.WriteString(line)
			require.NoError(t, c.Process.Signal(os.Interrupt), "after\n%s", &printed)
		} else if lines.Scan() {
			printed.WriteString(lines.Text() + "\n")
		}
	}
	for lines.Scan() {
		printed.WriteString(lines.Text() + "\n")
	}
	if err := c.Wait(); err != nil {
		printed.WriteString(err.Error() + "\n") // as go run says it
	}
	return printed.String()
}

// The examples that show how little it takes are to stay that small.
func TestTheSmallExamplesAreSmall(t *testing.T) {
	for _, example := range []string{"jobs", "host"} {
		files, err := filepath.Glob("../examples/" + example + "/*.go")
		require.NoError(t, err)
		lines := 0
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				lines += strings.Count(read(t, file), "\n")
			}
		}
		assert.Positive(t, lines)
		assert.LessOrEqual(t, lines, 200, "%s, lines", example)
	}
}
