// Command cmd is imported by nobody.
package main

import "github.com/seed-ec287111/tether"

type App struct{ owner *tether.Owner }

func NewApp() *App { return &App{owner: tether.NewOwner("app")} }

func main() { NewApp() }
