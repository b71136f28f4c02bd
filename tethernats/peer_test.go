package tethernats_test

import "github.com/seed-ec287111/tether"

func peerRole(app *tether.Owner, say func(...any)) error { return nil }
