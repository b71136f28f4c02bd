// Mutate breaks the library on purpose, one small change at a time, and asks
// the tests whether they notice. A change that no test notices, a survivor, is a
// hole in the tests or changes nothing that can be observed. MUTANTS.md has the
// figures and the survivors.
//
//	cd verify && go run ./mutate              # all mutants
//	cd verify && go run ./mutate -short       # a fixed sample, for every commit
//	cd verify && go run ./mutate -again       # the survivors of the run before
//
// # How
//
// All mutants are compiled at once: every place that can be changed becomes a
// question of the running program, as in
//
//	q.dead = true     if !mutant__.On(41) { q.dead = true }
//	if n > 0 {        if mutant__.On(43) || n > 0 {
//
// and the environment says which one is on. The changed sources, and the
// package that answers, exist in an overlay of the go command's only, so no
// file of the repository is touched. A test binary of each suite is built once;
// a mutant then costs the tests that it takes to notice.
//
// Which tests can notice is recorded before: every test runs once alone, and
// the places that it asks are noted. A mutant that no test reaches survives
// without a run. For the others the tests that reach it run, the quick ones
// first, until one fails. A hang is a failure: when no thread of the process has
// run for some seconds, or when it has used several times the processor time of
// the unchanged tests.
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
// Text for people, the arguments of panic, is left alone.
package main
