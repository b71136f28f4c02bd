// Package fix has reports with a fix.
package fix

import "github.com/seed-ec287111/tether"

type Cache struct{ owner *tether.Owner }

func NewCache() *Cache {
	return &Cache{owner: tether.NewOwner("cache")} // want `NewCache makes an owner`
}

func NewSized(size int) *Cache {
	c := new(Cache)
	c.owner = tether.NewOwner("cache") // want `NewSized makes an owner`
	return c
}

func NewCalled() *Cache { // no fix: it would not compile
	return &Cache{owner: tether.NewOwner("cache")} // want `NewCalled makes an owner`
}

var called = NewCalled()

func NewTaken(size int) *Cache {
	owner := tether.NewOwner("cache") // want `NewTaken makes an owner`
	return &Cache{owner: owner}
}
