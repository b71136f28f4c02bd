package inspectweb

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/seed-ec287111/tether/inspect"
)

// overviewText answers with the page as text, for clients such as curl that do not ask for
// HTML.
func (h *hub) overviewText(w http.ResponseWriter, _ *http.Request) {
	s := h.survey()
	out := text(w)
	defer out.Flush()
	t := s.Total
	fmt.Fprintf(out, "%s, %s: %d owners, %d connections, %d goroutines, %d timers, %d cleanups, %d queued, %d dropped\n\n",
		short(h.title), s.At.Format(time.TimeOnly), t.Owners, t.Connections, t.Goroutines, t.Timers, t.Cleanups, t.Queued, t.Dropped)
	if len(s.Trouble) == 0 {
		fmt.Fprintln(out, "nothing is wrong, as far as a look or two can tell; what grows shows in several")
	}
	for _, t := range s.Trouble {
		mark := "  "
		if t.Grave {
			mark = "! "
		}
		since := "since " + ago(t.Since)
		if t.Kind == "lost" {
			since = "the first " + ago(t.Since) + " ago"
		}
		fmt.Fprintf(out, "%s%s (%s)\n", mark, t, since)
	}
	fmt.Fprintln(out)
	writeTree(out, s)
}

// treeText is the tree alone.
func (h *hub) treeText(w http.ResponseWriter, _ *http.Request) {
	out := text(w)
	defer out.Flush()
	writeTree(out, h.survey())
}

func text(w http.ResponseWriter) *bufio.Writer {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return bufio.NewWriter(w)
}

func writeTree(out *bufio.Writer, s *inspect.Survey) {
	d := folder{open: func(*inspect.Fold) bool { return true }, room: mostLines}
	writeFolds(out, 0, d.all(s.Roots))
	if d.cut {
		fmt.Fprintln(out, "and more")
	}
	if s.Partial {
		fmt.Fprintf(out, "of the newest %d owners\n", s.Looked)
	}
}

func writeFolds(out *bufio.Writer, depth int, folds []fold) {
	for _, f := range folds {
		name := f.Name
		if f.Rest {
			name = "others"
		}
		if f.Owners > 1 {
			name += fmt.Sprintf(" ×%d", f.Owners)
		}
		if f.Note != "" {
			name += "  " + f.Note
		}
		if f.Dead > 0 && f.Owners > 1 {
			name += fmt.Sprintf("  %d dead", f.Dead)
		}
		writeLine(out, depth, name, f.Made)
		for _, d := range f.Holds {
			what := d.Kind
			if d.What != "" {
				what += " " + d.What
			}
			if d.About {
				what += fmt.Sprintf(" ×%d or so", d.Count)
			} else if d.Count > 1 {
				what += fmt.Sprintf(" ×%d", d.Count)
			}
			if q := d.Queue; q != nil {
				what += fmt.Sprintf(": %d pending, %d taken, %d dropped", q.Len, q.Taken, q.Dropped)
			}
			writeLine(out, depth+1, what, d.Func)
		}
		writeFolds(out, depth+1, f.Below)
	}
}

func writeLine(out *bufio.Writer, depth int, text string, p *place) {
	line := strings.Repeat("  ", depth) + text
	if p == nil {
		fmt.Fprintln(out, line)
		return
	}
	fmt.Fprintf(out, "%-50s  %s %s\n", line, p.Name, p.Pos)
}
