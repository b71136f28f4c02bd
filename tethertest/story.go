package tethertest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/seed-ec287111/tether/internal/quote"
)

// story tells what has come, for a message.
func (r *Recorder[T]) story() string {
	r.mu.Lock()
	read, last := r.read, slices.Clone(r.last)
	unread := slices.Clone(r.unread)
	r.mu.Unlock()
	var b strings.Builder
	kind := reflect.TypeFor[T]().String()
	switch {
	case read == 0 && len(unread) == 0:
		fmt.Fprintf(&b, "This recorder of %s values has seen none.", kind)
	case read == 0:
		fmt.Fprintf(&b, "This recorder of %s values has been read by nobody.", kind)
	case read > len(last):
		fmt.Fprintf(&b, "Read so far from this recorder of %s values, the last %d of %d:", kind, len(last), read)
	default:
		fmt.Fprintf(&b, "Read so far from this recorder of %s values:", kind)
	}
	for i, v := range last {
		fmt.Fprintf(&b, "\n    #%d %s", read-len(last)+i+1, show(v))
	}
	if len(unread) > 0 {
		b.WriteString("\nUnread: " + list(unread))
	}
	return b.String()
}

func list[T any](values []T) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == history {
			fmt.Fprintf(&b, "and %d more", len(values)-i)
			break
		}
		b.WriteString(show(v))
	}
	return b.String()
}

// show formats a value for a reader: text in quotes.
func show(v any) string {
	if _, ok := v.(fmt.Stringer); !ok && reflect.ValueOf(v).Kind() == reflect.String {
		return fmt.Sprintf("%q", v)
	}
	return quote.Text(fmt.Sprintf("%+v", v)) // one line, whatever it has in it
}
