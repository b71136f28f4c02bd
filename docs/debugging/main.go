// Debugging holds the Go code of ../debugging.md, in small programs that each have
// the fault which that page is about, and shows what the tools say:
//
//	go run -trimpath ./docs/debugging grow   # and hang, late, missing, lost; page serves one
//
// What stands between "// snippet: name" and "// end" is the code block under the
// comment of that name in the page; a test in .. compares them.
package main

import (
	"fmt"
	"log/slog"
	"os"
)

var programs = map[string]func() error{
	"grow":    grow,
	"hang":    hang,
	"late":    late,
	"missing": missing,
	"lost":    lost,
	"page":    page,
}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: timeless})))
	var run func() error
	if len(os.Args) > 1 {
		run = programs[os.Args[1]]
	}
	if run == nil {
		fmt.Fprintln(os.Stderr, "usage: debugging grow|hang|late|missing|lost|page")
		os.Exit(2)
	}
	if err := run(); err != nil {
		slog.Error("failed", "err", err)
		os.Exit(1)
	}
}

// timeless leaves the time out, so that each run logs the same.
func timeless(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
