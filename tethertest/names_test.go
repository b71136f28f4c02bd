package tethertest_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

// tame checks that text names what is called name, and that nothing in it can be taken for
// something else.
func tame(t *testing.T, text, name string) {
	t.Helper()
	assert.True(t, utf8.ValidString(text), "%q", text)
	for _, r := range text {
		if r != '\n' && !strconv.IsPrint(r) {
			assert.Fail(t, "not printable", "%q in %q", r, text)
		}
	}
	quoted := strconv.Quote(name)
	assert.Contains(t, text, quoted)
	assert.NotContains(t, strings.ReplaceAll(text, quoted, ""), name)
}

// A client that called itself after a line of a log or a command of the terminal had its
// way in the output of the tests.
func TestReports_NameOwnersQuoted(t *testing.T) {
	for _, name := range []string{"bob\n2026-01-01 level=ERROR", "\x1b[2J", "a/b", `"q`, "\xff", "\u202e", "\r"} {
		t.Run(strconv.Quote(name), func(t *testing.T) {
			clean(t)
			defer tether.OnLost(nil)()
			b := newBag(t)
			older := tether.NewOwner(name)
			defer older.Destroy()
			var lost tether.Signal[int]
			f := run("TestLeaves", func(t *fake) {
				tethertest.VerifyWithin(t, 0)
				b.leave(tether.NewOwner(name)).NewChild(name)
			})
			tame(t, f.message(), name)
			assert.Equal(t, 7, len(strings.Split(f.message(), "\n")), f.message())

			f = run("TestLoses", func(t *fake) {
				tethertest.VerifyWithin(t, 0)
				func() { tether.NewOwner(name) }()
			})
			assert.Contains(t, f.message(), "lost: ")
			tame(t, f.message(), name)

			f = run("TestGrows", func(t *fake) {
				tethertest.VerifyWithin(t, 0)
				c := older.NewChild(name)
				lost.Connect(c, func(int) {})
			})
			assert.Contains(t, f.message(), "more than before")
			tame(t, f.message(), name)
			lost.DisconnectAll()

			synctest.Test(t, func(t *testing.T) {
				let := make(chan struct{})
				defer close(let)
				f = run("TestHangs", func(t *fake) {
					o := tethertest.NewOwner(t).NewChild(name)
					o.AfterFunc(time.Second, func() { <-let })
					time.Sleep(2 * time.Second)
				})
			})
			tame(t, f.message(), name)
		})
	}
}

func TestRecorder_ShowsEachValueInOneLine(t *testing.T) {
	type said struct{ text string }
	for _, text := range []string{"hi\n    #2 forged", "\x1b[2J", "\xff", "\u202e"} {
		var s tether.Signal[said]
		f := run("TestExpects", func(t *fake) {
			r := tethertest.Record(t, &s)
			s.Fire(said{text})
			s.Fire(said{text})
			r.Expect(said{text}, said{"other" + text})
		})
		for _, r := range f.message() {
			if r != '\n' && !strconv.IsPrint(r) {
				assert.Fail(t, "not printable", "%q in %q", r, f.message())
			}
		}
		assert.NotContains(t, f.message(), "\n    #2 forged")
		assert.Contains(t, f.message(), strconv.Quote("{text:"+text+"}"))
	}
}
