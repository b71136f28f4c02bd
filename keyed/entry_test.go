package keyed

import (
	"testing"
	"testing/synctest"

	"github.com/seed-ec287111/tether"
)

// An owner that Get had just made was known to others before its own cleanup was
// registered. Theirs then ran when the key was free already, and Replace did not
// wait for them.
func TestReplaceWaitsForWhatOthersRegisterWhileGetMakesTheOwner(t *testing.T) {
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
