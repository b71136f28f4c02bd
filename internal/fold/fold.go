// Package fold makes one name of many that differ only in digits: the names of things that
// a program has numbered.
package fold

// Name replaces every run of digits by "#".
func Name(name string) string {
	for i := range len(name) {
		if digit(name[i]) {
			return string(Append(make([]byte, 0, len(name)), name))
		}
	}
	return name
}

// Append appends Name(name) to buf.
func Append(buf []byte, name string) []byte {
	for i := range len(name) {
		switch {
		case !digit(name[i]):
			buf = append(buf, name[i])
		case i == 0 || !digit(name[i-1]):
			buf = append(buf, '#')
		}
	}
	return buf
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
