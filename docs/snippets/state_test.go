package snippets

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// snippet: state/value
// A Form is what somebody types in to sign up.
type Form struct {
	Fields *state.Value[map[string]string]    // what was typed, by the name of the field
	Errors *state.Computed[map[string]string] // what is wrong with it, by the same names
	Ready  *state.Computed[bool]              // nothing is
}

// Type is a key stroke.
func (f *Form) Type(field, text string) {
	f.Fields.Update(func(old map[string]string) map[string]string {
		fields := maps.Clone(old) // what others have is not changed
		fields[field] = text
		return fields
	})
}

// end

// snippet: state/rules
var rules = map[string]func(all map[string]string) string{
	"name": func(all map[string]string) string {
		return unless(len(all["name"]) >= 3, "three letters at least")
	},
	"mail": func(all map[string]string) string {
		return unless(strings.Contains(all["mail"], "@"), "no @")
	},
	"again": func(all map[string]string) string {
		return unless(all["again"] == all["mail"], "differs")
	},
}

func unless(ok bool, text string) string {
	if ok {
		return ""
	}
	return text
}

// end

// snippet: state/computed
func NewForm(owner *tether.Owner, fields map[string]string) *Form {
	f := &Form{Fields: state.NewValue(owner, fields)}
	f.Errors = state.NewComputed(owner, func(use *state.Use) map[string]string {
		all := f.Fields.Use(use)
		errors := make(map[string]string)
		for field, rule := range rules {
			if text := rule(all); text != "" {
				errors[field] = text
			}
		}
		return errors
	}, state.Equal(maps.Equal[map[string]string]), state.Name("errors"))
	f.Ready = state.NewComputed(owner, func(use *state.Use) bool { return len(f.Errors.Use(use)) == 0 })
	return f
}

// end

// snippet: state/effect
// Show writes what a screen would show, and says so only when it differs.
func (f *Form) Show(screen *tether.Owner, w io.Writer) {
	state.NewEffect(screen, func(use *state.Use, run *tether.Owner) {
		if f.Ready.Use(use) {
			fmt.Fprintln(w, "[send]")
			run.Defer(func() { fmt.Fprintln(w, "[send] goes") })
		}
	})
	state.ForEach(screen, f.Errors, func(use *state.Use, line *tether.Owner, field, text string) string {
		fmt.Fprintf(w, "%s: %s\n", field, text)
		line.Defer(func() { fmt.Fprintf(w, "%s: fine\n", field) })
		return text
	})
}

// end

// signUp is the whole of it.
//
// snippet: state/run
func signUp(w io.Writer) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	form := NewForm(app, map[string]string{"name": "", "mail": "", "again": ""})
	screen := app.NewChild("screen")
	form.Show(screen, w)
	for _, typed := range [][2]string{
		{"name", "an"}, // still too short: nothing is shown
		{"name", "ann"},
		{"mail", "ann@example.org"},
		{"again", "ann@example.org"}, // the button comes
		{"mail", "ann"},
	} {
		fmt.Fprintln(w, ">", typed[0], typed[1])
		form.Type(typed[0], typed[1])
	}
	fmt.Fprintln(w, "> end")
	screen.Destroy() // all lines go; the form lives on
}

// end

// What one key stroke brings about comes in no order.
func TestAFormWithValidation(t *testing.T) {
	var out strings.Builder
	signUp(&out)
	var got [][]string
	for step := range strings.SplitSeq(out.String(), "> ") {
		lines := strings.Split(strings.TrimSpace(step), "\n")
		if len(got) == 0 {
			slices.Sort(lines)
		}
		slices.Sort(lines[1:])
		got = append(got, lines)
	}
	assert.Equal(t, [][]string{
		{"mail: no @", "name: three letters at least"},
		{"name an"},
		{"name ann", "name: fine"},
		{"mail ann@example.org", "again: differs", "mail: fine"},
		{"again ann@example.org", "[send]", "again: fine"},
		{"mail ann", "[send] goes", "again: differs", "mail: no @"},
		{"end", "again: fine", "mail: fine"},
	}, got)
}
