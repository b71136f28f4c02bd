package inspectweb_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"strings"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspectweb"
)

// A debug port has the page beside the profiles.
func ExampleHandler() {
	app := tether.NewOwner("shop")
	defer app.Destroy()
	app.NewChild("orders")

	debug := http.NewServeMux()
	debug.HandleFunc("/debug/pprof/", pprof.Index)
	debug.Handle("/debug/tether/", inspectweb.Handler(app))
	// go http.ListenAndServe("localhost:6060", debug)

	w := httptest.NewRecorder() // curl localhost:6060/debug/tether/tree.txt
	debug.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost:6060/debug/tether/tree.txt", nil))
	for line := range strings.Lines(w.Body.String()) {
		name, _, _ := strings.Cut(line, "   ")
		fmt.Println(strings.TrimRight(name, "\n"))
	}
	// Output:
	// shop
	//   orders
}
