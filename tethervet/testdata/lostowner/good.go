package lostowner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"testdata/lostowner/other"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

func deferred() {
	o := tether.NewOwner("o")
	defer o.Destroy()
	said.Connect(o, hear)
}

func deferredInALiteral() {
	o := tether.NewOwner("o")
	defer func() { _ = o.Destroy() }()
	if check() != nil {
		return
	}
}

func cancelled(err error) {
	o := tether.NewOwner("o")
	if err != nil {
		o.Cancel(err)
		return
	}
	o.DestroyContext(context.Background())
}

func returned() *tether.Owner {
	o := tether.NewOwner("o")
	said.Connect(o, hear)
	return o
}

func named() (o *tether.Owner) {
	o = tether.NewOwner("o")
	return
}

func stored(s *server) {
	o := tether.NewOwner("o")
	s.app = o
}

func storedAtOnce() *server { return &server{app: tether.NewOwner("o")} }

func inAMap(m map[string]*tether.Owner) { m["o"] = tether.NewOwner("o") }

func sent(c chan *tether.Owner) { c <- tether.NewOwner("o") }

func appended(all []*tether.Owner) []*tether.Owner { return append(all, tether.NewOwner("o")) }

func methodValue(t *testing.T) {
	o := tether.NewOwner("o")
	t.Cleanup(func() { o.Destroy() })
	stop := o.Cancel
	time.AfterFunc(time.Second, func() { stop(nil) })
}

func toWhoKnows(f func(*tether.Owner)) {
	o := tether.NewOwner("o")
	f(o)
}

func toAnInterface(h interface{ Hold(*tether.Owner) }) {
	o := tether.NewOwner("o")
	h.Hold(o)
}

func bound(ctx context.Context) {
	o := tether.NewOwner("o", tether.WithContext(ctx))
	said.Connect(o, hear)
}

func unknownOptions(opts ...tether.OwnerOption) {
	o := tether.NewOwner("o", opts...)
	said.Connect(o, hear)
	p := tether.NewOwner("p", opts[0])
	said.Connect(p, hear)
}

func byTheTest(t *testing.T) {
	o := tethertest.NewOwner(t)
	said.Connect(o, hear)
}

func byRun(ctx context.Context) error {
	return tether.Run(ctx, "app", func(app *tether.Owner) error {
		said.Connect(app, hear)
		return nil
	})
}

func inAHandler() {
	o := tether.NewOwner("o")
	said.Once(o, func(string) { o.Destroy() })
}

func inAConstantLoop() {
	o := tether.NewOwner("o")
	for range 3 {
		o.Destroy()
	}
}

func inAForLoop() error {
	o := tether.NewOwner("o")
	for i := 0; i < 3; i++ {
		o.Destroy()
	}
	return nil
}

func inALoop(names []string) error {
	o := tether.NewOwner("o")
	for range names {
		o.Destroy()
	}
	if len(names) == 2 {
		return errors.New("two")
	}
	return nil
}

func correlated(verbose bool) error {
	var o *tether.Owner
	if verbose {
		o = tether.NewOwner("o")
	}
	if err := check(); err != nil {
		if verbose {
			o.Destroy()
		}
		return err
	}
	if !verbose {
		return nil
	}
	return o.Destroy()
}

func notNil(verbose bool) error {
	var o *tether.Owner
	if verbose {
		o = tether.NewOwner("o")
	}
	if o == nil {
		return errors.New("quiet")
	}
	return o.Destroy()
}

func perhapsCorrelated(n int) error {
	o := tether.NewOwner("o")
	if n > 3 {
		o.Destroy()
	}
	if err := check(); err != nil {
		return err
	}
	if n <= 3 {
		o.Destroy()
	}
	return nil
}

func oneOfTheCases(n int) {
	o := tether.NewOwner("o")
	switch {
	case n > 3:
		o.Destroy()
	case n == 3:
		hold(o)
	}
}

func failsTheTest(t *testing.T) {
	o := tether.NewOwner("o")
	if err := check(); err != nil {
		t.Fatal(err)
	}
	if err := check(); err != nil {
		panic(err)
	}
	o.Destroy()
}

func held() {
	o := tether.NewOwner("o")
	hold(o)
}

func ended() {
	o := tether.NewOwner("o")
	end(o)
}

func heldByAnotherPackage() {
	o := other.Session()
	other.Hold(o)
}

func endedByAnotherPackage() {
	o := tether.NewOwner("o")
	other.End(o)
}

func madeAndEnded() {
	o := session()
	defer o.Destroy()
}

func climbed() {
	child := tether.NewOwner("root").NewChild("child")
	defer child.Parent().Destroy()
	root := tether.NewOwner("root")
	second := root.NewChild("child")
	defer second.Parent().Destroy()
}

func endedBeforeItIsAssignedAgain() {
	o := tether.NewOwner("one")
	o.Destroy()
	o = tether.NewOwner("two")
	o.Destroy()
}

func closureOfTheCaller() func() {
	o := tether.NewOwner("o")
	said.Connect(o, hear)
	return func() { o.Destroy() }
}

func toAGoroutine() {
	o := tether.NewOwner("o")
	var wg sync.WaitGroup
	wg.Go(func() { o.Destroy() })
	wg.Wait()
}

var outer *tether.Owner

func toAVariableOfThePackage() { outer = tether.NewOwner("o") }

func fromALiteral() {
	var o *tether.Owner
	func() { o = tether.NewOwner("o") }()
	defer o.Destroy()
}

func ignored() {
	o := tether.NewOwner("o") //tethervet:ignore lostowner the test is about this
	said.Connect(o, hear)
	//tethervet:ignore growth,lostowner so is this
	tether.NewOwner("p")
}

// Children end with their parents.

func aChildOfTheCallers(parent *tether.Owner) *tether.Queue {
	o := parent.NewChild("forwarder")
	return tether.NewQueue(o, 1, tether.Block)
}

func (s *server) start() {
	o := s.app.NewChild("start")
	said.Connect(o, hear)
}

func (s *server) plugin(name string) {
	o := s.app.NewChild(name)
	said.Connect(o, hear)
}

func (s *server) lives(err error) error {
	o := s.app.NewChild("conn")
	if err != nil {
		o.Destroy()
		return err
	}
	said.Connect(o, hear)
	return nil
}

func aLocalParent() error {
	app := tether.NewOwner("app")
	defer app.Destroy()
	child := app.NewChild("child")
	if err := check(); err != nil {
		return err
	}
	return child.Destroy()
}

func (s *server) boundChild(ctx context.Context, n int) {
	o := s.app.NewChild(fmt.Sprint(n), tether.WithContext(ctx))
	o.Defer(func() {})
}

func listen(o *tether.Owner) { said.Connect(o, hear) }

func through(o *tether.Owner) { listen(o); o.Defer(func() {}) }

func end(o *tether.Owner) { defer o.Destroy() }

var holder *tether.Owner

func hold(o *tether.Owner) { holder = o }

func session() *tether.Owner {
	o := tether.NewOwner("session")
	listen(o)
	return o
}

func fired(made *tether.Signal[*tether.Owner]) {
	o := tether.NewOwner("o")
	made.Fire(o) // whoever listens may end it
}

func methodExpression() {
	o := tether.NewOwner("o")
	defer (*tether.Owner).Destroy(o)
}

func serves(lines chan string) {
	o := tether.NewOwner("o")
	said.Connect(o, hear)
	for {
		said.Fire(<-lines)
	}
}

func exits() {
	o := tether.NewOwner("o")
	said.Connect(o, hear)
	panic(check())
}

func overALiteral() error {
	o := tether.NewOwner("o")
	for range []int{1, 2} {
		o.Destroy()
	}
	if err := check(); err != nil {
		return err
	}
	return nil
}

func inBoth(ok bool) error {
	o := tether.NewOwner("o")
	if ok {
		hold(o)
	} else {
		o.Destroy()
	}
	if err := check(); err != nil {
		return err
	}
	return nil
}

func selected(c, d chan bool) error {
	o := tether.NewOwner("o")
	select {
	case <-c:
		o.Destroy()
	case <-d:
		hold(o)
	}
	if err := check(); err != nil {
		return err
	}
	return nil
}

func overwritten(o *tether.Owner) {
	for _, o = range []*tether.Owner{o} {
		o.Destroy()
	}
}

func inParentheses() {
	o := (tether.NewOwner("o"))
	defer (o).Destroy()
}

func (s *server) livesIf(ok bool) error {
	o := s.app.NewChild("conn")
	if ok {
		said.Connect(o, hear)
		return nil
	}
	return o.Destroy()
}

func assignedLater() {
	o := tether.NewOwner("o")
	set := func(p *tether.Owner) { o = p }
	defer o.Destroy()
	set(nil)
}
