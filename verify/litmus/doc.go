// Package litmus runs two or three short pieces of code at the same time on real
// cores, hundreds of thousands of times, and counts how that ends.
//
// The method is that of OpenJDK's jcstress. The schedule explorer decides which
// goroutine goes on, and so never sees what processors do between two steps. Here
// nothing decides. A [Test] makes a [Round]. Goroutines run the round's parts. They
// spin at a barrier until all have come there. Then each idles for a random time.
// So in the course of many rounds each instruction of one part meets each
// instruction of the other.
//
// The test's table has every end that a round can have. An end is forbidden,
// interesting or merely allowed. Only parts that overlap can bring about an
// interesting end. A test fails if it sees a forbidden end, or one that is not in
// the table. It also fails if it has not seen enough interesting ends, because then
// it has shown nothing.
package litmus
