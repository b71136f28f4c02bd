// Package quote makes names that somebody else chose fit for a line of text.
//
// Names of owners come from users of users: keys of a group, addresses, what a client
// calls itself. In an error, log or dump a line break in one forges a line, an escape
// sequence commands the terminal, a slash makes one owner look like two, and what turns
// the direction of writing shows another text than there is.
package quote

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Name returns name as it is if it can be told from what is around it, else quoted as
// by [strconv.Quote]: if it holds what [strconv.IsPrint] refuses, invalid UTF-8 or a
// slash, or begins with a double quote. So no two names have the same text, a text is
// one line, and slashes between names are told from those inside. Cost: nothing is
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

// Path returns names, which are those from the root on, as the quoted path.
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
				return false // not the character, which is printable, but what is none
			}
		}
	}
	return true
}
