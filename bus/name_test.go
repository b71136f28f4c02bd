package bus_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/bus"
)

func TestCheck_NamesAndPatterns(t *testing.T) {
	for _, c := range []struct{ s, name, pattern string }{
		{"orders", "", ""},
		{"orders.eu.placed", "", ""},
		{"ä.日本-_$#/", "", ""},
		{"", "an empty token", "an empty token"},
		{".a", "an empty token", "an empty token"},
		{"a.", "an empty token", "an empty token"},
		{"a..b", "an empty token", "an empty token"},
		{"a b", "white space", "white space"},
		{"a.b\n", "white space", "white space"},
		{"a\u00a0b", "white space", "white space"},
		{"a.\x00", "a control character", "a control character"},
		{"a\x1b[2J", "a control character", "a control character"},
		{"*", "a wildcard, which is for patterns", ""},
		{">", "a wildcard, which is for patterns", ""},
		{"a.*.b", "a wildcard, which is for patterns", ""},
		{"*.*.>", "a wildcard, which is for patterns", ""},
		{"a*", "a wildcard, which is for patterns", "a wildcard that is not a whole token"},
		{"a.b>", "a wildcard, which is for patterns", "a wildcard that is not a whole token"},
		{"**", "a wildcard, which is for patterns", "a wildcard that is not a whole token"},
		{"a.>.b", "a wildcard, which is for patterns", "a > that is not the last token"},
		{">.>", "a wildcard, which is for patterns", "a > that is not the last token"},
	} {
		if err := bus.CheckName(c.s); c.name == "" {
			require.NoError(t, err, "%q", c.s)
		} else {
			require.ErrorContains(t, err, "bus: name ", "%q", c.s)
			require.ErrorContains(t, err, " has "+c.name, "%q", c.s)
		}
		if err := bus.CheckPattern(c.s); c.pattern == "" {
			require.NoError(t, err, "%q", c.s)
		} else {
			require.ErrorContains(t, err, "bus: pattern ", "%q", c.s)
			require.ErrorContains(t, err, " has "+c.pattern, "%q", c.s)
		}
	}
	require.EqualError(t, bus.CheckName("a\nb"), `bus: name "a\nb" has white space`, "quoted")
}

// wellFormed says what CheckName and CheckPattern say, from another side.
func wellFormed(s string, pattern bool) bool {
	tokens := strings.Split(s, ".")
	for i, token := range tokens {
		if pattern && (token == "*" || token == ">" && i == len(tokens)-1) {
			continue
		}
		if token == "" {
			return false
		}
		for _, r := range token {
			if r == '*' || r == '>' || unicode.IsSpace(r) || unicode.IsControl(r) {
				return false
			}
		}
	}
	return true
}

// matches is the naive matcher.
func matches(pattern, name string) bool {
	p, n := strings.Split(pattern, "."), strings.Split(name, ".")
	for i, token := range p {
		switch {
		case i == len(n):
			return false
		case token == ">":
			return true
		case token != "*" && token != n[i]:
			return false
		}
	}
	return len(p) == len(n)
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"", "a", "a.b", "a.*", "a.>", "*.>", ">.a", "a..b", "a b", "\xff", "a\x85b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if (bus.CheckName(s) == nil) != wellFormed(s, false) {
			t.Errorf("name %q: %v", s, bus.CheckName(s))
		}
		if (bus.CheckPattern(s) == nil) != wellFormed(s, true) {
			t.Errorf("pattern %q: %v", s, bus.CheckPattern(s))
		}
	})
}

func TestToken(t *testing.T) {
	for s, want := range map[string]string{
		"":          "",
		"eu":        "eu",
		"ä/日-本":     "ä/日-本",
		"a.b":       "a%2Eb",
		"*":         "%2A",
		">":         "%3E",
		"100%":      "100%25",
		"two words": "two%20words",
		"a\u00a0b":  "a%C2%A0b",
		"a\x00\nb":  "a%00%0Ab",
		"\xff":      "\xff",
	} {
		require.Equal(t, want, bus.Token(s), "%q", s)
	}
}

// Whatever comes from outside is one token of a name, no other's, and can be read back.
func FuzzToken(f *testing.F) {
	for _, s := range []string{"", "a", "a.b", "%2E", "%", "*", ">", "a b", "\xff", "a\u0085b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token := bus.Token(s)
		if err := bus.CheckName("a." + token + ".b"); (err == nil) != (s != "") {
			t.Errorf("%q: %v", s, err)
		}
		if strings.Contains(token, ".") {
			t.Errorf("%q: %q is more than one token", s, token)
		}
		if back, err := url.PathUnescape(token); err != nil || back != s {
			t.Errorf("%q: %q, read back as %q, %v", s, token, back, err)
		}
	})
}
