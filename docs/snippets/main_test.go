package snippets

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite the code blocks of the pages")

var pages = []string{"../leaks.md", "../migrating.md", "../state.md"}

// block finds a code block that says "go" and no more, with the comment before it.
var block = regexp.MustCompile("(?:<!-- snippet: (\\S+) -->\n)?```go\n((?s:.*?))```\n")

func TestThePagesShowTheCodeThatIsCompiled(t *testing.T) {
	code := snippets(t)
	shown := make(map[string]bool)
	for _, page := range pages {
		b, err := os.ReadFile(page)
		require.NoError(t, err)
		text := strings.ReplaceAll(string(b), "\r\n", "\n")
		result := block.ReplaceAllStringFunc(text, func(s string) string {
			m := block.FindStringSubmatch(s)
			name, got := m[1], m[2]
			want, ok := code[name]
			if !assert.True(t, ok, "%s: a block is called %q:\n%s", page, name, got) {
				return s
			}
			assert.False(t, shown[name], "%s shows %q again", page, name)
			shown[name] = true
			if !*update {
				assert.Equal(t, want, got, "%s: %s: go test ./docs/snippets -update", page, name)
			}
			return "<!-- snippet: " + name + " -->\n```go\n" + want + "```\n"
		})
		assert.Equal(t, strings.Count(text, "<!-- snippet:"), len(block.FindAllString(text, -1)), "%s: a comment without its block", page)
		if *update {
			require.NoError(t, os.WriteFile(page, []byte(result), 0o644))
		}
	}
	for name := range code {
		assert.True(t, shown[name], "no page shows %q", name)
	}
}

// snippets returns the marked regions of the test files, without the indentation
// that they have in common.
func snippets(t *testing.T) map[string]string {
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	code := make(map[string]string)
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		var name, indent string
		var lines []string
		for line := range strings.Lines(strings.ReplaceAll(string(b), "\r\n", "\n")) {
			trimmed := strings.TrimSpace(line)
			if n, ok := strings.CutPrefix(trimmed, "// snippet: "); ok {
				require.Empty(t, name, "%s: %q is in another one", file, n)
				require.NotContains(t, code, n, file)
				name, lines = n, nil
				indent, _, _ = strings.Cut(line, "//")
			} else if trimmed == "// end" {
				require.NotEmpty(t, name, "%s: an end of nothing", file)
				code[name] = strings.TrimRight(strings.Join(lines, ""), "\n") + "\n"
				name = ""
			} else if name != "" {
				lines = append(lines, strings.TrimPrefix(line, indent))
			}
		}
		require.Empty(t, name, "%s: no end", file)
	}
	return code
}

// A test of a leak runs something so often, with things of this size in it: what
// is left of them can't be mistaken for anything else.
const (
	rounds = 100
	heavy  = 64 << 10
)

// heap returns how many heavy things are still there after that many rounds, to
// one or two.
func heap(round func()) int {
	before := live()
	for range rounds {
		round()
	}
	return int(live()-before) / heavy
}

func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// grows and flat judge a number of things that are left after all rounds.
func grows(t *testing.T, left int) {
	t.Helper()
	assert.Greater(t, left, rounds*9/10, "it should leak")
}

func flat(t *testing.T, left int) {
	t.Helper()
	assert.Less(t, left, rounds/10, "it should not leak")
}

// A Bus is the callback registry of many programs.
//
// snippet: bus
type Bus[T any] struct {
	mu       sync.Mutex
	next     int
	handlers map[int]func(T)
}

func (b *Bus[T]) Subscribe(f func(T)) (unsubscribe func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.handlers == nil {
		b.handlers = make(map[int]func(T))
	}
	id := b.next
	b.next++
	b.handlers[id] = f
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.handlers, id)
	}
}

func (b *Bus[T]) Publish(v T) {
	b.mu.Lock()
	handlers := slices.Collect(maps.Values(b.handlers))
	b.mu.Unlock()
	for _, f := range handlers {
		f(v)
	}
}

// end

// A Session is a heavy thing with a life of its own.
type Session struct {
	owner *tether.Owner // where it has one
	Name  string
	state [heavy]byte
	sent  int
	send  func()
	err   error // that Serve returns
}

func (s *Session) Send(string) {
	s.sent++
	s.state[s.sent%heavy]++
	if s.send != nil {
		s.send()
	}
}

func (s *Session) Serve() error { return s.err }
