// Package snippets holds the Go code of leaks.md and migrating.md, and the tests
// that show what the text says: that the bad form leaks, and the other does not.
//
// What stands between "// snippet: name" and "// end" in a test file here is the
// code block under the comment of that name in one of the pages. A test compares
// them; go test ./docs/snippets -update rewrites the pages.
package snippets
