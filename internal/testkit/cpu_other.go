//go:build !unix

package testkit

import "time"

var start = time.Now()

// processor returns how long the process has run so far: on these systems a machine that is
// busy with other things makes it more.
func processor() time.Duration { return time.Since(start) }
