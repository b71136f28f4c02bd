// Package debugport serves what one wants to see of a program at work: the page of package
// inspectweb, and the profiles of net/http/pprof.
package debugport

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
	"github.com/seed-ec287111/tether/inspectweb"
)

// Parse adds the flag -debug to those of the program, parses them, and serves where it says,
// until stop is called or the program ends. Without the flag it does nothing.
func Parse() (stop func(), serves bool) {
	addr := flag.String("debug", "", "serve the page of package inspectweb and profiles at this `address`, such as localhost:6060")
	flag.Parse()
	stop, err := Serve(os.Stdout, *addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return stop, *addr != ""
}

// Serve serves at addr until stop is called, and writes where. Where addr is "" it does nothing.
//
// The port has a root of its own, so that the end of the program can be watched, too. It has a
// mux of its own: what somebody registers for the whole program is not served here, and nobody
// else serves this.
func Serve(out io.Writer, addr string) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	port := tether.NewOwner("debug port")
	port.Defer(inspect.RecordSites()) // from the start, so that all children have their line
	mux := http.NewServeMux()
	mux.Handle("/debug/tether/", inspectweb.Handler(port))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	port.Interrupt(func() { _ = srv.Close() }) // and ln
	port.GoErr(func(context.Context) error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	fmt.Fprintf(out, "debug: http://%v/debug/tether/\n", ln.Addr())
	return func() { port.Destroy() }, nil
}
