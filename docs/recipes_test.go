package docs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

const recipes = "recipes.md"

var section = regexp.MustCompile(`(?m)^## .*\n`)

func TestTheRecipesShowTheCodeThatIsCompiled(t *testing.T) {
	shows(t, recipes, snippets(t, "recipes/*_test.go"))
}

// A recipe is a sentence that says when, code, and a sentence that says what to know.
func TestRecipesAreShort(t *testing.T) {
	text := read(t, recipes)
	sections := section.Split(text, -1)[1:]
	titles := section.FindAllString(text, -1)
	assert.Greater(t, len(sections), 10)
	for i, s := range sections {
		title := strings.TrimSpace(titles[i])
		blocks := code.FindAllStringSubmatchIndex(s, -1)
		if !assert.Len(t, blocks, 1, title) {
			continue
		}
		first, last := blocks[0][0], blocks[0][1]
		assert.LessOrEqual(t, strings.Count(s[blocks[0][6]:blocks[0][7]], "\n"), 25, "%s: lines of code", title)
		for what, part := range map[string]string{"before": s[:first], "after": s[last:]} {
			words := len(strings.Fields(part))
			assert.True(t, 5 < words && words < 75, "%s: %d words %s the code", title, words, what)
		}
	}
}
