package quote_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether/internal/quote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestName_QuotesOnlyWhatCouldBeTakenForSomethingElse(t *testing.T) {
	for _, name := range []string{
		"", "ann", "player-17", "two words", "127.0.0.1:80", "Жанна", "名前", "a\u0301", "🎲", "\ufffd", `back\slash`, "it's", "`", `say "hi"`, "<nil>",
	} {
		assert.Equal(t, name, quote.Name(name))
		assert.Equal(t, name, quote.Text(name))
	}
	for name, want := range map[string]string{
		"a/b": `"a/b"`, "/": `"/"`, `"q`: `"\"q"`, `"`: `"\""`, "a\nb": `"a\nb"`, "\r": `"\r"`, "\t": `"\t"`, "\x00": `"\x00"`, "\x1b[2J": `"\x1b[2J"`,
		"\xff": `"\xff"`, "a\xc3": `"a\xc3"`, "\u202e": `"\u202e"`, "\u200b": `"\u200b"`, "\u2028": `"\u2028"`, "\u00a0": `"\u00a0"`, "\ufeff": `"\ufeff"`, "\u009b2J": `"\u009b2J"`,
	} {
		assert.Equal(t, want, quote.Name(name))
		if !strings.Contains(name, "/") {
			assert.Equal(t, want, quote.Text(name))
		}
	}
	assert.Equal(t, "TestA/sub", quote.Text("TestA/sub"), "a text has slashes")
}

func TestPath_TellsSlashesInNamesFromThoseBetween(t *testing.T) {
	assert.Equal(t, "app/lobby/ann", quote.Path([]string{"app", "lobby", "ann"}))
	assert.Equal(t, `app/"lobby/ann"`, quote.Path([]string{"app", "lobby/ann"}))
	assert.Equal(t, `"app/lobby"/ann`, quote.Path([]string{"app/lobby", "ann"}))
	assert.Equal(t, `app/"\"lobby"/ann"`, quote.Path([]string{"app", `"lobby`, `ann"`}))
	assert.Equal(t, "", quote.Path([]string{""}))
	assert.Equal(t, "/", quote.Path([]string{"", ""}))
}

func TestName_CostsAPlainNameNothing(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = quote.Name("player-17") }))
}

// split undoes Path.
func split(t *testing.T, path string) (names []string) {
	for {
		name, rest, more := strings.Cut(path, "/")
		if strings.HasPrefix(path, `"`) {
			quoted, err := strconv.QuotedPrefix(path)
			require.NoError(t, err, path)
			name, err = strconv.Unquote(quoted)
			require.NoError(t, err, path)
			rest = path[len(quoted):]
			more = rest != ""
			if more {
				require.Equal(t, byte('/'), rest[0], path)
				rest = rest[1:]
			}
		}
		names = append(names, name)
		if !more {
			return names
		}
		path = rest
	}
}

func FuzzPath(f *testing.F) {
	for _, name := range []string{"", "ann", "a/b", `"q`, `"q"`, "\xff", "\ufffd", "\u202e", "bob\n2026-01-01 level=ERROR", "\x1b[2J", `\"`, "/", `"/"`} {
		f.Add("app", name, "z")
		f.Add(name, "lobby", name)
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		path := quote.Path([]string{a, b, c})
		require.True(t, utf8.ValidString(path))
		for _, r := range path {
			require.True(t, strconv.IsPrint(r), "%q in %q", r, path)
		}
		require.Equal(t, []string{a, b, c}, split(t, path), "%q can be taken for something else", path)
		require.Equal(t, quote.Name(a), quote.Path([]string{a}))
		for _, name := range []string{a, b, c} {
			text := quote.Text(name)
			if strings.HasPrefix(text, `"`) {
				back, err := strconv.Unquote(text)
				require.NoError(t, err)
				require.Equal(t, name, back)
			} else {
				require.Equal(t, name, text)
			}
		}
	})
}
