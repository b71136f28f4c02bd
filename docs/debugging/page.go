package main

import (
	"context"
	"log"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspectweb"
)

// page is a program to look at, until it is interrupted.
func page() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return tether.Run(ctx, "app", func(app *tether.Owner) error {
		// snippet: page
		debug := http.NewServeMux() // not the default one, which others serve
		debug.HandleFunc("/debug/pprof/", pprof.Index)
		debug.Handle("/debug/tether/", inspectweb.Handler(app))
		go func() { log.Print(http.ListenAndServe("localhost:6060", debug)) }()
		// end
		<-app.Context().Done()
		return nil
	})
}
