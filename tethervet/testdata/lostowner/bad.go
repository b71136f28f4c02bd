// Package lostowner has owners that are lost, and in good.go others that are not.
package lostowner

import (
	"context"
	"errors"
	"fmt"
	"os"

	"testdata/lostowner/other"

	"github.com/seed-ec287111/tether"
)

var said tether.Signal[string]

func hear(string) {}

func never() {
	o := tether.NewOwner("o") // want `root owner that NewOwner makes is never destroyed: defer o.Destroy\(\)`
	said.Connect(o, hear)
}

func atOnce() {
	tether.NewOwner("o") // want `lost at once`
}

func blank() {
	_ = tether.NewOwner("o") // want `lost at once`
}

func passedToABorrower() {
	said.Connect(tether.NewOwner("o"), hear) // want `lost at once`
}

func chained() {
	tether.NewOwner("o").Defer(func() {}) // want `lost at once`
}

func declared() {
	var o = tether.NewOwner("o") // want `never destroyed`
	o.Defer(func() {})
}

func assigned() {
	var o *tether.Owner
	o = tether.NewOwner("o") // want `never destroyed`
	o.Go(func(context.Context) {})
}

func contextThatNeverEnds() {
	o := tether.NewOwner("o", tether.WithContext(context.Background())) // want `never destroyed`
	said.Connect(o, hear)
}

func harmlessOptions() {
	o := tether.NewOwner("o", tether.WithPanicHandler(func(*tether.PanicError) {})) // want `never destroyed`
	said.Connect(o, hear)
}

func handlerThatBorrows() {
	o := tether.NewOwner("o") // want `never destroyed`
	said.Connect(o, func(string) { o.Defer(func() {}) })
}

func earlyReturn(err error) error {
	o := tether.NewOwner("o") // want `not destroyed on every path: not on the one that returns in line 70`
	said.Connect(o, hear)
	if err != nil {
		return err
	}
	return o.Destroy()
}

func earlyReturnBeforeDefer() error {
	o := tether.NewOwner("o") // want `not on the one that returns in line 79`
	f, err := os.Open("file")
	if err != nil {
		return err
	}
	defer f.Close()
	defer o.Destroy()
	return nil
}

func inASwitch(n int) error {
	o := tether.NewOwner("o") // want `not on the one that returns in line 90`
	switch n {
	case 1:
		return errors.New("one")
	case 2:
		fmt.Println("two")
	}
	return o.Destroy()
}

func secondGuard() error {
	o := tether.NewOwner("o") // want `not on the one that returns in line 104`
	if err := check(); err != nil {
		o.Destroy()
		return err
	}
	if err := check(); err != nil {
		return err
	}
	return o.Destroy()
}

func continues(names []string) {
	for _, name := range names {
		o := tether.NewOwner(name) // want `o is made again by the next round of the loop`
		if name == "" {
			continue
		}
		o.Destroy()
	}
}

func assignedAgain() {
	o := tether.NewOwner("one") // want `o is assigned again in line 122`
	said.Connect(o, hear)
	o = tether.NewOwner("two")
	defer o.Destroy()
}

func tail(err error) error {
	o := tether.NewOwner("o") // want `not on the one that returns in line 131`
	defer fmt.Println("done")
	for range 3 {
		if err != nil {
			return err
		}
	}
	o.Destroy()
	return nil
}

func insideALiteral() {
	run := func() {
		o := tether.NewOwner("o") // want `never destroyed`
		said.Connect(o, hear)
	}
	run()
}

func borrowed() {
	o := tether.NewOwner("o") // want `never destroyed`
	listen(o)
}

func borrowedTwice() {
	o := tether.NewOwner("o") // want `never destroyed`
	through(o)
}

func borrowedByAnotherPackage() {
	o := tether.NewOwner("o") // want `never destroyed`
	other.Listen(o, &said)
}

func madeByAFunction() {
	o := session() // want `the root owner that session makes is never destroyed`
	listen(o)
}

func madeByAnotherPackage() {
	o := other.Session() // want `the root owner that Session makes is never destroyed`
	listen(o)
}

func generic[T any](s *tether.Signal[T], f func(T)) {
	o := tether.NewOwner("o") // want `never destroyed`
	s.Connect(o, f)
}

func compared() {
	o := tether.NewOwner("o") // want `never destroyed`
	if o.Alive() && o != nil {
		fmt.Println(o)
	}
}

type server struct{ app *tether.Owner }

func (s *server) client(n int) {
	o := s.app.NewChild(fmt.Sprint("client", n)) // want `with another name in each call, can't be ended before its parent`
	o.Defer(func() {})
}

func (s *server) child(err error) error {
	o := s.app.NewChild("child") // want `the child that NewChild makes is not destroyed on every path: not on the one that returns in line 194`
	said.Connect(o, hear)
	if err != nil {
		return err
	}
	return o.Destroy()
}

func reasonless() {
	o := tether.NewOwner("o") //tethervet:ignore lostowner // want `never destroyed.*without a reason does not count`
	said.Connect(o, hear)
}

func forAnother() {
	//tethervet:ignore growth it is about something else
	o := tether.NewOwner("o") // want `never destroyed`
	said.Connect(o, hear)
}

func servesWithMany(lines chan string) {
	for line := range lines {
		o := tether.NewOwner(line) // want `never destroyed`
		said.Connect(o, hear)
	}
	for {
		o := tether.NewOwner(<-lines) // want `never destroyed`
		said.Connect(o, hear)
	}
}

func check() error { return nil }

func inACase(n int) error {
	o := tether.NewOwner("o") // want `not destroyed on every path`
	switch n {
	case 1:
		o.Destroy()
		return nil
	case 2:
		if err := check(); err != nil {
			return err
		}
	}
	return o.Destroy()
}

func declaredWithVar() error {
	var o = tether.NewOwner("o") // want `not destroyed on every path`
	if err := check(); err != nil {
		return err
	}
	return o.Destroy()
}
