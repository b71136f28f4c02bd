//go:build race

package main

// raced says that the race detector is on: it makes everything larger.
const raced = true
