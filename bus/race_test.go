//go:build race

package bus_test

const race = true
