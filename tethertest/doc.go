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
// [NewOwner] makes the root owner of a test. If its teardown hangs, the test fails
// and says who still runs. [VerifyNone] fails a test that leaves owners,
// connections, queued values, timers or owned goroutines behind, with a tree of
// them: paths, where they were made, which functions they are. [Record] keeps what
// a source fires, for the test to read in its own time.
//
// All of it works in [testing/synctest] bubbles, where deadlines cost no time, and
// outside of them.
//
// # Who made it
//
// Tests that run in parallel make owners at the same time, so VerifyNone has to
// tell whose is whose. It goes by the goroutine which made the root:
//
//   - A root belongs to a test if the goroutine that called VerifyNone made it, or
//     one that this started, directly or through others. Subtests are started by
//     their parent; one that calls VerifyNone itself answers for itself.
//   - A root made under another test is that test's, also if that one verifies
//     nothing. It is never reported by a stranger.
//   - Where that can't be told, because the goroutine was started by a timer, by
//     one that has returned unseen, or before the test, the root is reported by
//     the last of the verifications that overlap. So nothing is reported that one
//     of those tests might still end, and nothing is missed: it lists the tests
//     that it may have been.
//   - Everything below a root is that root's.
//   - Owners that existed before are counted before and after: connections,
//     children, values in queues, timers, goroutines and running handlers, by path
//     and function. What has grown is reported, again by the last of the
//     verifications that overlap.
//
// Not guaranteed: that a test which verifies is spared what tests that don't do
// meanwhile to owners that existed before, or by way of such goroutines. Where
// parallel tests share owners, all of them should verify. A timer that ends during
// the wait before a report is not reported. A [tether.Wait] or [tether.Values]
// called by way of many functions of a user's own Source may be missed.
//
// # What the messages say
//
// Places, functions and names are as in package inspect: those of the test and its program,
// not the library's. More than three owners that one call has made, with one name but for
// digits, are shown as one: what they hold together, and their children together. So are
// likewise named owners that are older and have got the same. After twenty different kinds
// of owners in one place, and a hundred lines in all, the rest is counted.
//
// # Costs
//
// While a verification is active, making a root costs some ten microseconds more,
// and sometimes a look at the stacks of all goroutines: where neither the goroutine
// nor the one that started it is known yet. A connection costs one or two more, a
// child a quarter of one. VerifyNone, and its end, walk the owners that are older
// than it, in some microseconds each, and the tests that pass do not wait. Those
// that fail wait for some seconds first.
package tethertest
