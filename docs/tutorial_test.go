package docs

import (
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const tutorial = "tutorial.md"

// A block is a program as it stands, or a region of one, which is called after its directory.
func TestTheTutorialShowsTheProgramsThatAreCompiled(t *testing.T) {
	steps, err := filepath.Glob("tutorial/*")
	require.NoError(t, err)
	require.NotEmpty(t, steps)
	want := make(map[string]string)
	for _, step := range steps {
		step = filepath.ToSlash(step)
		regions := snippets(t, step+"/*.go")
		for name, text := range regions {
			want[strings.TrimPrefix(step, "tutorial/")+"/"+name] = text
		}
		if len(regions) == 0 {
			want["docs/"+step+"/main.go"] = read(t, step+"/main.go")
		}
		assert.Contains(t, read(t, tutorial), "./docs/"+step, "the page does not run it")
	}
	shows(t, tutorial, want)
}

// Each transcript is that of a run. What a program prints is all there, what go test does
// may have gaps.
func TestTheTutorialShowsWhatTheProgramsPrint(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs programs, for some seconds")
	}
	if runtime.GOOS == "windows" {
		t.Skip("no interrupt can be sent to a process")
	}
	transcripts := 0
	edit(t, tutorial, transcript, func(m []string) string {
		transcripts++
		command := strings.TrimPrefix(strings.TrimSuffix(m[1], "\n"), "$ ")
		if strings.HasPrefix(command, "go test") {
			printed, _ := run(t, command, t.TempDir())
			lines, missing := excerpt(m[2], printed, false)
			assert.Empty(t, missing, "%sdoes not print this line, or not there; it prints\n%s", m[1], printed)
			return "```console\n" + m[1] + lines + "```\n"
		}
		printed := session(t, command, m[2])
		same := portless(m[2]) == portless(printed)
		assert.True(t, same || *update, "%s\nprints\n%s\nand the page has\n%s", command, printed, m[2])
		if same {
			return m[0]
		}
		return "```console\n" + m[1] + printed + "```\n"
	})
	assert.Positive(t, transcripts)
}

var port = regexp.MustCompile(`127\.0\.0\.1:\d+`)

func portless(text string) string { return port.ReplaceAllString(plain(text), "127.0.0.1:#") }
