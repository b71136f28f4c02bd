package bus

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckName reports what is wrong with a name, nil if nothing is: a name is one or more
// tokens with a dot between two. A token is not empty and has neither white space nor
// control characters in it, nor * or >. It is for names that come from outside; [Named]
// panics with its error.
func CheckName(name string) error {
	reason := check(name, func(token string, last bool) string {
		if strings.ContainsAny(token, "*>") {
			return "a wildcard, which is for patterns"
		}
		return ""
	})
	if reason != "" {
		return fmt.Errorf("bus: name %q has %s", name, reason)
	}
	return nil
}

// Token returns a token that stands for s, whatever s has in it: white space, dots, a
// wildcard. It is for names with a part that comes from outside, an address or a key of a
// user's:
//
//	bus.Named[Reading](b, "devices."+bus.Token(id)+".temperature")
//
// What may be in a token stays as it is, but for the percent sign; the bytes of all else
// are written as %20 is in an URL, so [net/url.PathUnescape] returns s. Two strings never
// have the same token. That of "" is "", which no name may have.
func Token(s string) string {
	var b strings.Builder
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if strings.ContainsRune("%.*>", r) || unicode.IsSpace(r) || unicode.IsControl(r) {
			for i := range n {
				fmt.Fprintf(&b, "%%%02X", s[i])
			}
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// CheckPattern reports what is wrong with a pattern, nil if nothing is: a pattern is a name,
// except that a token may be *, which stands for any one token, and the last token may be >,
// which stands for one or more. It is for patterns that come from outside; [Matching]
// panics with its error.
func CheckPattern(pattern string) error {
	reason := check(pattern, func(token string, last bool) string {
		switch {
		case token == "*", token == ">" && last:
			return ""
		case token == ">":
			return "a > that is not the last token"
		case strings.ContainsAny(token, "*>"):
			return "a wildcard that is not a whole token"
		}
		return ""
	})
	if reason != "" {
		return fmt.Errorf("bus: pattern %q has %s", pattern, reason)
	}
	return nil
}

// check returns what is wrong with s, "" if nothing is. of does that for one token, and may
// assume that the token is not empty and has neither white space nor control characters.
func check(s string, of func(token string, last bool) string) string {
	for more := true; more; {
		var token string
		token, s, more = strings.Cut(s, ".")
		switch {
		case token == "":
			return "an empty token"
		case strings.ContainsFunc(token, unicode.IsSpace):
			return "white space"
		case strings.ContainsFunc(token, unicode.IsControl):
			return "a control character"
		}
		if reason := of(token, !more); reason != "" {
			return reason
		}
	}
	return ""
}
