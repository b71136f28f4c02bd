package tethernats_test

import (
	"fmt"
	"os"
)

// roleVariable names what this test binary is to do, in another process, in place of testing.
const roleVariable = "TETHERNATS_ROLE"

// roles are what it can do: each returns the exit status.
var roles = map[string]func() int{}

func playRole(name string) int {
	f, ok := roles[name]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such role:", name)
		return 2
	}
	return f()
}
