// Package scope has the machinery of an owner: a tree of scopes, what is
// registered with each, what runs in each, and the teardown that ends a subtree.
//
// # Life
//
// A scope is alive, then cut off (nothing new starts), then unwinding (its children
// and cleanups run), then ended. A teardown takes a whole subtree through these
// states: see cutoff.go, drain.go and unwind.go for its three phases, destroy.go and
// cancel.go for those who begin it. Two layers above that end parts of a subtree on their
// own account, one after the other: stage.go and turn.go.
//
// # Locks
//
// Every scope has a mutex of its own, so that owners of one tree do not wait for
// each other when they connect, start or register something. The tree has one more,
// which only teardowns take. The order is:
//
//	tree.mu, Scope.mu of a parent, Scope.mu of its child, Queue.mu, List.mu
//
// and last names.mu, which is that of a tree's names, and roots.mu, which a teardown takes
// when a root has ended. Two trees are
// never locked at once.
//
// User code runs under none of them, and none is held while waiting.
package scope
