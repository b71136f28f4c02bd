// Package quote makes names that users chose fit for a line of text.
//
// Names of owners come from users of users: keys of a group, addresses, what a client calls
// itself. In an error, log or dump, a line break in a name forges a line, an escape
// sequence commands the terminal, and a slash makes one owner look like two. A character
// that turns the direction of writing makes the text look like another one.
package quote

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Name returns name as it is if it can be told from what is around it. Otherwise it returns
// name quoted as by [strconv.Quote]: if name holds what [strconv.IsPrint] refuses, invalid
// UTF-8 or a slash, or begins with a double quote. So no two names have the same text, a
// text is one line, and slashes between names are told from those inside. Cost: nothing is
// allocated for a name that stays as it is.
func Name(name string) string {
	if plain(name, true) {
		return name
	}
	return strconv.Quote(name)
}

// Text is Name for text that may have slashes, such as the name of a test, of a type,
// or of a function with its package.
func Text(text string) string {
	if plain(text, false) {
		return text
	}
	return strconv.Quote(text)
}

// Path returns the names of a path, from the root on, quoted and joined.
func Path(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = Name(name)
	}
	return strings.Join(quoted, "/")
}

func plain(text string, name bool) bool {
	for i, r := range text {
		switch {
		case r == '"' && i == 0, r == '/' && name, !strconv.IsPrint(r):
			return false
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
				return false // invalid UTF-8, and not the character U+FFFD, which is printable
			}
		}
	}
	return true
}
