// Package tethertest lets a test prove that it leaves nothing behind, and look at
// what a signal fires.
//
//	func TestLobby(t *testing.T) {
//		tethertest.VerifyNone(t)       // first: judges when all other cleanups have run
//		app := tethertest.NewOwner(t)  // destroyed at the end of the test
//		lobby := NewLobby(app)
//		joined := tethertest.Record(t, &lobby.Joined)
//
//		lobby.Join("ann")
//		joined.Expect("ann")
//		joined.ExpectNone()
//	}
//
// [NewOwner] makes the root owner of a test. If its teardown hangs, the test fails and the
// message names what still runs. [VerifyNone] fails a test that leaves owners, connections,
// queued values, timers or owned goroutines behind. Its message is a tree of them, with
// paths, functions, and the places where they were made. [Record] keeps what a source fires,
// for the test to read in its own time.
//
// All of it works inside [testing/synctest] bubbles, where deadlines cost no time, and
// outside of them.
//
// # Whose root it is
//
// Tests that run in parallel make owners at the same time, so VerifyNone has to find out
// which root belongs to which test. It goes by the goroutine that made the root:
//
//   - A root belongs to a test if it was made by the goroutine that called VerifyNone, or
//     by a goroutine that this one started, directly or through others. A test starts its
//     subtests, so their roots are its own. A subtest that calls VerifyNone itself answers
//     for itself.
//   - A root made under another test belongs to that test, also if that test verifies
//     nothing. No other test reports it.
//   - Sometimes the test can't be found: the goroutine was started by a timer, before the
//     test, or by a goroutine that has returned unseen. Of the verifications that overlap,
//     the last one then reports the root, and lists the tests that may have made it. So a
//     root that one of those tests might still end is not reported, and none is missed.
//   - Everything below a root belongs to the root's test.
//   - Owners that existed before are counted before and after: their connections, children,
//     values in queues, timers, goroutines and running handlers, by path and function. What
//     has grown is reported, again by the last of the verifications that overlap.
//
// Not guaranteed: if tests that do not verify run in parallel, what they do to owners that
// existed before may be reported by a test that does. If parallel tests share owners, all
// of them should verify. A timer that ends during the wait before a report is not reported.
// A [tether.Wait] or [tether.Values] called by way of many functions of a user's own Source
// may be missed.
//
// # What the messages say
//
// Places, functions and names are as in package inspect: those of the test and its program,
// not the library's. More than three owners that one call has made, and whose names differ
// in digits only, are shown as one, with what they hold together. So are older owners with
// such names that have got the same things. After twenty different kinds of owners in one
// place, and after a hundred lines in all, the rest is counted.
//
// # Costs
//
// While a verification is active, a root takes some ten microseconds more to make. If neither
// its goroutine nor the one that started it is known yet, it also takes a look at the stacks
// of all goroutines. A connection takes one or two microseconds more, a child a quarter of
// one. VerifyNone and its end walk the owners that are older than it, some microseconds for
// each. A test that passes does not wait. A test that fails waits for some seconds first.
package tethertest
