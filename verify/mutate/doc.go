// Mutate breaks the library on purpose, one small change at a time, and runs the
// tests to see whether they notice. A change that no test notices is a survivor.
// It is a hole in the tests, or it changes nothing that can be observed. MUTANTS.md
// has the figures and the survivors.
//
//	cd verify && go run ./mutate              # all mutants
//	cd verify && go run ./mutate -short       # a fixed sample, for every commit
//	cd verify && go run ./mutate -again       # the survivors of the run before
//
// # How
//
// All mutants are compiled at once. Every place that can be changed asks, at run
// time, whether its change is on, as in
//
//	q.dead = true     if !mutant__.On(41) { q.dead = true }
//	if n > 0 {        if mutant__.On(43) || n > 0 {
//
// The environment says which mutant is on. The changed sources, and the package
// that answers, exist only in an overlay of the go command. So no file of the
// repository is touched. The test binary of each suite is built once. After that a
// mutant costs only the tests that run until one notices.
//
// Before that, every test runs once alone, and the places that it reaches are
// noted. A mutant that no test reaches survives without a run. For each other
// mutant the tests that reach it run, the quick ones first, until one fails. A hang
// is a failure. A process hangs if none of its threads has run for some seconds, or
// if it has used several times the processor time of the unchanged tests.
//
// # Operators
//
//   - delete: a statement (call, assignment, increment, go, defer, send, break,
//     continue, return without a value); yield.Point is left alone
//   - negate, true, false: a condition of an if, a for (never true) or a case
//   - swap: < and <=, > and >=, == and !=, && and ||, + and - of integers, ++
//     and --, += and -=
//   - constant: 0 and 1 among integers, true and false as results and arguments
//
// Text for people is left alone: the arguments of panic.
package main
