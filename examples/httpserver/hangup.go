//go:build !js && !wasip1

package main

import "syscall"

// hangup is the signal to read the configuration again.
const hangup = syscall.SIGHUP
