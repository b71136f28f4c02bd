// Package fix has reports with a fix.
package fix

import (
	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

func get(app *tether.Owner, price *state.Value[int]) {
	state.NewComputed(app, func(u *state.Use) int {
		return 2 * price.Get() // want `Get in a computing function`
	})
	state.NewComputed(app, func(*state.Use) int {
		return 2 * price.Get() // want `Get in a computing function`
	})
}
