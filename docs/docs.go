// Package docs has the pages beside this file, for tools that show them.
package docs

import _ "embed" // for the page

// Debugging is debugging.md: from a symptom to the tool.
//
//go:embed debugging.md
var Debugging string
