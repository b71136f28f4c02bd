package keyed

import (
	"testing"
	"testing/synctest"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/goroutine"
)

// An owner that Get had just made was known to others before its own cleanup was
// registered. Theirs then ran when the key was free already, and Replace did not
// wait for them.
func TestOwners_ReplaceWaitsForWhatOthersRegisterWhileGetMakesTheOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		g := New[string](app, "g")
		g.group.mu.Lock() // the first Get, as far as its unlock
		e, _ := g.group.currentLocked("ann", "ann")
		g.group.mu.Unlock()
		saving, saved := make(chan struct{}), make(chan struct{})
		g.Get("ann").Defer(func() {
			close(saving)
			<-saved
		})
		e.owner.Cancel(nil)
		<-saving
		returned := false
		go func() {
			g.Replace("ann")
			returned = true
		}()
		synctest.Wait()
		if returned {
			t.Error("Replace has returned while the earlier owner still saves")
		}
		close(saved)
		synctest.Wait()
		if !returned {
			t.Error("Replace has not returned")
		}
		if err := app.Destroy(); err != nil {
			t.Error(err)
		}
	})
}

// A Replace inside a handler comes when another one has decided what to end and has not
// begun to. Each opens an owner of its own.
func TestMap_AReplaceInsideAHandlerBetweenTheClaimOfAnotherAndItsDestroy(t *testing.T) {
	app := tether.NewOwner("app")
	opened := map[*tether.Owner]bool{}
	m := NewMap(app, "m", func(o *tether.Owner, _ string) *tether.Owner {
		if opened[o] {
			t.Error("open runs twice for one owner")
		}
		opened[o] = true
		return o
	})
	first := m.Get("ann")
	c, mine := m.claim("ann", "ann", false)
	if !mine || m.Get("ann") != first {
		t.Fatal("the claim is not there, or too much of it")
	}
	var s tether.Signal[int]
	var second *tether.Owner
	s.Connect(app, func(int) { second = m.Replace("ann") })
	s.Fire(1)
	if second == first || first.Alive() || m.Get("ann") != second {
		t.Error("Replace inside the handler has not replaced")
	}
	goroutine.Spell(c.number, c)
	if c.result != left || m.Get("ann") != second {
		t.Errorf("the other one, whose owner is gone, has the result %d", c.result)
	}
	if third := m.Replace("ann"); third == second || len(opened) != 3 {
		t.Errorf("%d owners were opened", len(opened))
	}
	if err := app.Destroy(); err != nil {
		t.Error(err)
	}
}
