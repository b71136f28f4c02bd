// Package hiddenowner reports constructors that hide an owner.
//
// An object that makes its own root owner, and keeps it to itself, has a life that
// nobody else can end: neither the program that uses it, nor the owner below which it
// should be. Where it is used many times, it leaks each time.
//
// Wrong:
//
//	func NewCache() *Cache {
//		return &Cache{owner: tether.NewOwner("cache")}
//	}
//
// Right:
//
//	func NewCache(owner *tether.Owner) *Cache {
//		return &Cache{owner: owner.NewChild("cache")}
//	}
//
// Reported is an exported function of a package that can be imported, which returns a
// struct of that package with an owner in a field that is not exported, if nothing in
// the package ends that field's owner, returns it or hands it on, and the function
// takes nothing that could bring an owner, a context or an end. The suggested fix,
// where nothing in the package calls the function, is an owner as the first argument.
//
// Not reported: what has a Close or the like that ends the owner; options; interfaces.
//
// To silence one place, on its line or the one before, with a reason:
//
//	//tethervet:ignore hiddenowner the reason
package hiddenowner

import _ "embed"

//go:embed doc.go
var doc string
