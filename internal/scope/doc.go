// Package scope has the machinery of an owner: a tree of scopes, what is registered with
// each, what runs in each, and the teardown that ends a subtree.
//
// # Life
//
// A scope is alive, then cut off: nothing new starts in it, and it drains until nothing
// runs. Then it is unwinding: its children and cleanups run. Then it has ended. A scope
// that is not alive is called dead. A teardown takes a whole subtree through these states.
// Its three phases are in cutoff.go, drain.go and unwind.go, and what begins it in
// destroy.go and cancel.go. Two layers above the teardown end parts of a subtree
// separately, one after the other: stage.go and turn.go.
//
// # Locks
//
// Every scope has a mutex of its own, so that owners of one tree do not wait for each other
// when they connect, start or register something. The tree has one more, for teardowns and
// the errors that they collect. The order is:
//
//	tree.mu, Scope.mu of a parent, Scope.mu of its child, Queue.mu, List.mu
//
// The last are names.mu, the mutex of a tree's names, and roots.mu, which a teardown takes
// when a root has ended. Two trees are never locked at once.
//
// No lock is held while user code runs or while a goroutine waits.
package scope
