// Package litmus runs two or three short pieces of code at the same time on real
// cores, hundreds of thousands of times, and counts how that ends.
//
// It is the method of OpenJDK's jcstress. The schedule explorer decides who goes
// on, and so never sees what processors do between two steps; here nobody
// decides. A [Test] makes a [Round], whose parts are run by goroutines that spin
// at a barrier until all have said that they do; then each idles for a random
// time, so that in the course of many rounds each instruction of one part meets
// each of the other.
//
// Every end that a round can have is in the test's table: it is forbidden, or
// interesting, which is what only parts that overlapped can bring about, or
// merely allowed. A test fails if it sees a forbidden one, or one that is not in
// the table, and also if it has not seen enough of the interesting ones: then it
// has shown nothing.
package litmus
