package docs

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is a link: [text](target), also around an image, [name]: target, and HTML's.
var (
	inline    = regexp.MustCompile(`\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)*)>?(?:\s+"[^"]*")?\s*\)`)
	reference = regexp.MustCompile(`(?m)^ {0,3}\[[^\]^][^\]]*\]:\s*<?([^\s<>]+)>?`)
	html      = regexp.MustCompile(`<(?:a|img|source|link)\b[^>]*?\b(?:href|src|srcset)="([^"]*)"`)
	absolute  = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*:|//)`)
)

// What is no link, although it may look so, and what a heading is.
var (
	codeBlock = regexp.MustCompile("(?ms)^ *(```+|~~~+).*?^ *(```+|~~~+) *$")
	codeSpan  = regexp.MustCompile("(`+)[^`\n](?:[^\n]*?[^`\n])??(`+)")
	comment   = regexp.MustCompile(`(?s)<!--.*?-->`)
	heading   = regexp.MustCompile(`(?m)^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$`)
	linkText  = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	named     = regexp.MustCompile(`<[a-z0-9]+\b[^>]*?\b(?:id|name)="([^"]*)"`)
)

func TestAllLinksOfAllPagesLeadSomewhere(t *testing.T) {
	broken, pages, links := brokenLinks(t, os.DirFS(".."))
	for _, b := range broken {
		assert.Fail(t, b)
	}
	t.Logf("%d pages, %d links within the repository", pages, links)
	assert.Greater(t, pages, 10)
	assert.Greater(t, links, 100)
}

// brokenLinks opens the links within the tree of all its pages: files and directories, and
// headings of pages and lines of other files.
func brokenLinks(t *testing.T, tree fs.FS) (broken []string, pages, links int) {
	text := make(map[string]string)
	require.NoError(t, fs.WalkDir(tree, ".", func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && file != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if err == nil && path.Ext(file) == ".md" {
			b, err := fs.ReadFile(tree, file)
			text[file] = strings.ReplaceAll(string(b), "\r\n", "\n")
			return err
		}
		return err
	}))
	anchors := make(map[string]map[string]bool)
	for page := range text {
		anchors[page] = anchorsOf(text[page])
	}
	for _, page := range slices.Sorted(maps.Keys(text)) {
		for _, target := range targets(text[page]) {
			if absolute.MatchString(target) {
				continue
			}
			links++
			if why := open(tree, anchors, page, target); why != "" {
				broken = append(broken, fmt.Sprintf("%s: (%s): %s", page, target, why))
			}
		}
	}
	return broken, len(text), links
}

// targets returns where the links of a page lead, in its order, without those in code.
func targets(text string) (all []string) {
	text = comment.ReplaceAllString(codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(text, ""), ""), "")
	for line := range strings.Lines(text) {
		for _, kind := range []*regexp.Regexp{inline, reference, html} {
			for _, m := range kind.FindAllStringSubmatch(line, -1) {
				all = append(all, m[1])
			}
		}
	}
	return all
}

// open says why a link of a page leads nowhere, if it does not lead somewhere.
func open(tree fs.FS, anchors map[string]map[string]bool, page, target string) string {
	file, anchor, _ := strings.Cut(target, "#")
	switch {
	case target == "":
		return "it is empty"
	case strings.HasPrefix(file, "/"):
		return "it begins at the root of the site"
	case file == "":
		file = page
	default:
		file = path.Join(path.Dir(page), strings.ReplaceAll(file, "%20", " "))
	}
	if !fs.ValidPath(file) {
		return "it leads out of the repository"
	}
	if _, err := fs.Stat(tree, file); err != nil {
		return "there is no such file"
	}
	if anchor == "" {
		return ""
	}
	if of, ok := anchors[file]; ok {
		if of[anchor] {
			return ""
		}
		return fmt.Sprintf("the page has no such heading, but %q", slices.Sorted(maps.Keys(of)))
	}
	var first, last int
	if n, _ := fmt.Sscanf(anchor, "L%d-L%d", &first, &last); n == 0 {
		return "a file has lines, as #L1 or #L1-L2"
	}
	b, err := fs.ReadFile(tree, file)
	if err != nil {
		return err.Error()
	}
	if lines := strings.Count(string(b), "\n"); max(first, last) > lines || first < 1 {
		return fmt.Sprintf("the file has %d lines", lines)
	}
	return ""
}

// anchorsOf returns the anchors that GitHub gives to the headings of a page, and those that
// it names itself.
func anchorsOf(text string) map[string]bool {
	text = codeBlock.ReplaceAllString(text, "")
	anchors := make(map[string]bool)
	times := make(map[string]int)
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		a := slug(m[1])
		if n := times[a]; n > 0 {
			anchors[fmt.Sprintf("%s-%d", a, n)] = true
		} else {
			anchors[a] = true
		}
		times[a]++
	}
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		anchors[m[1]] = true
	}
	return anchors
}

// slug is a heading without what makes it look like one: in lower case, a hyphen for each
// space, and of all else only letters, digits, hyphens and underscores.
func slug(heading string) string {
	heading = linkText.ReplaceAllString(heading, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Pc):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

func TestSlugsAreThoseOfGitHub(t *testing.T) {
	for heading, want := range map[string]string{
		"Costs":                              "costs",
		"From Maid, Janitor, Trove and more": "from-maid-janitor-trove-and-more",
		"`Own` and `OwnBlocking`: which?":    "own-and-ownblocking-which",
		"a/b & c -- d_e":                     "ab--c----d_e",
		"[Links](x.md#y) are *text*":         "links-are-text",
		"Größe 2.0":                          "größe-20",
	} {
		assert.Equal(t, want, slug(heading), heading)
	}
}

func TestABrokenLinkIsFound(t *testing.T) {
	tree := fstest.MapFS{
		"README.md": {Data: []byte("# The Title\n\n## Two\n## Two\n" + `
[a](docs/a.md), [b](docs/a.md#one) and [c](#two-1) [![pic](p.svg)](docs "title") [d](main.go#L2) [e](https://x.y/z#w)
[f]: docs/a.md#one
<img src="p.svg"> <a id="here"></a> [g](#here) [h](docs/with(parens).md)` +
			"\n`[code](nowhere)` and\n```go\nm[x](y)\n# no heading\n```\n<!-- [comment](nowhere) -->\n")},
		"docs/a.md":            {Data: []byte("One\n# One #\n[up](../README.md#the-title) [out](../../x) [root](/README.md) []()\n")},
		"docs/with(parens).md": {},
		"docs/b.md": {Data: []byte("[1](../README.md#two-2) [2](a.md#One) [3](c.md) [4](../main.go#L9) [5](../main.go#x)\n" +
			"[6](#no-heading)\n[7]: c.md\n<img src=\"q.svg\">\n")},
		"p.svg":        {},
		"main.go":      {Data: []byte("package main\n\n")},
		".hidden/a.md": {Data: []byte("[x](y)")},
	}
	broken, pages, links := brokenLinks(t, tree)
	var where []string
	for _, b := range broken {
		where = append(where, b[:strings.Index(b, "): ")+1])
	}
	assert.Equal(t, []string{
		"docs/a.md: (../../x)", "docs/a.md: (/README.md)", "docs/a.md: ()",
		"docs/b.md: (../README.md#two-2)", "docs/b.md: (a.md#One)", "docs/b.md: (c.md)", "docs/b.md: (../main.go#L9)",
		"docs/b.md: (../main.go#x)", "docs/b.md: (#no-heading)", "docs/b.md: (c.md)", "docs/b.md: (q.svg)",
	}, where)
	assert.Equal(t, 4, pages)
	assert.Equal(t, 10+4+8, links)
}
