// Package recipes holds the Go code of recipes.md, and the tests of it. What stands between
// "// snippet: name" and "// end" in a test file here is the code block under the comment of
// that name in the page.
package recipes
