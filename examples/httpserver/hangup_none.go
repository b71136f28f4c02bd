//go:build js || wasip1

package main

import "syscall"

// hangup has its usual number, but here nobody sends it.
const hangup = syscall.Signal(1)
