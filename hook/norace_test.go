//go:build !race

package hook_test

const race = false
