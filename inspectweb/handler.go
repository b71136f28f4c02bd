package inspectweb

import (
	"context"
	"embed"
	"fmt"
	"hash/fnv"
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

//go:embed page
var files embed.FS

// policy lets the page load what this handler serves, and nothing else run or be asked.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// An Option is an option of [Handler].
type Option interface{ apply(*config) }

type option func(*config)

func (f option) apply(c *config) { f(c) }

type config struct {
	hosts []string
	stuck time.Duration
	title string
}

// Hosts makes the handler answer requests to these hosts too, beside those to the machine
// itself. They are names or addresses without a port and without brackets, otherwise as in
// the address bar of a browser. A client that reaches the port under one of these names can
// read the page, so it should be a name that only the people of the program use. Hosts
// panics if a name is empty, or has a port, a slash or a bracket.
func Hosts(names ...string) Option {
	names = slices.Clone(names)
	for i, name := range names {
		names[i] = strings.ToLower(strings.TrimSuffix(name, ".")) // as allowed does
		if _, err := netip.ParseAddr(name); err != nil && (names[i] == "" || strings.ContainsAny(name, ":/[]")) {
			panic(fmt.Sprintf("inspectweb: Hosts with %q", name))
		}
	}
	return option(func(c *config) { c.hosts = append(c.hosts, names...) })
}

// Stuck sets the time after which a running handler, or a teardown that is not complete, is
// trouble. Without this option it is 5 s. Stuck panics if d is not positive.
func Stuck(d time.Duration) Option {
	if d <= 0 {
		panic("inspectweb: Stuck with duration " + d.String())
	}
	return option(func(c *config) { c.stuck = d })
}

// Title sets the name that the page has for the program. Without this option it is the name
// of the program's file.
func Title(name string) Option { return option(func(c *config) { c.title = name }) }

// Handler returns the page as a handler for a path that ends in a slash:
//
//	mux.Handle("/debug/tether/", inspectweb.Handler(app))
//
// The page shows the owners of the whole program. Open pages are children of owner and end
// with it. If owner is staged, or is not the root, pages stay open until its turn comes.
// They show the end of what ends before it.
//
// The handler answers GET and HEAD, to the hosts of [Hosts] and to the machine itself. The
// package documentation says more about that, and about the costs. Handler panics if owner
// is nil.
func Handler(owner *tether.Owner, opts ...Option) http.Handler {
	handle.Scope("inspectweb: Handler", owner)
	c := config{stuck: 5 * time.Second, title: program()}
	for _, opt := range opts {
		if opt == nil {
			panic("inspectweb: Handler with nil option")
		}
		opt.apply(&c)
	}
	h := &handler{hosts: c.hosts, hub: newHub(owner, c)}
	h.routes = map[string]http.HandlerFunc{
		"events":    h.events,
		"tree":      h.tree,
		"fold":      h.fold,
		"owner":     h.owner,
		"search":    h.search,
		"groups":    h.groups,
		"trouble":   h.trouble,
		"help":      h.help,
		"tree.json": h.treeJSON,
		"tree.txt":  h.treeText,
	}
	return h
}

type handler struct {
	*hub
	hosts  []string
	routes map[string]http.HandlerFunc
}

// ServeHTTP goes by the last element of the path alone, so that it does not matter where the
// handler is mounted. Nothing of a request is ever part of an answer.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Frame-Options", "DENY")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cache-Control", "no-store")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		head.Set("Allow", "GET, HEAD")
		http.Error(w, "inspectweb: GET and HEAD alone", http.StatusMethodNotAllowed)
		return
	case !h.allowed(r.Host):
		http.Error(w, "inspectweb: not a host that this page is for; see inspectweb.Hosts", http.StatusForbidden)
		return
	case foreign(r):
		http.Error(w, "inspectweb: asked by the page of another site", http.StatusForbidden)
		return
	case len(r.URL.RawQuery) > maxQuery:
		http.Error(w, "inspectweb: the query is too long", http.StatusRequestURITooLong)
		return
	}
	name := ""
	if !strings.HasSuffix(r.URL.Path, "/") {
		name = path.Base(r.URL.Path)
	}
	if name == "" || r.URL.Path == "" {
		head.Set("Vary", "Accept")
		if !strings.Contains(r.Header.Get("Accept"), "text/html") {
			h.overviewText(w, r)
			return
		}
		name = "index.html"
	}
	if route := h.routes[name]; route != nil {
		route(w, r)
		return
	}
	file(w, r, name)
}

const (
	// maxQuery is how long a query may be: room for mostOpen keys.
	maxQuery = 8 << 10
)

// types has the types of the page's files. What package mime says is the machine's business, and
// a browser runs no script that it is told to be something else.
var types = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file serves one of the page's files.
func file(w http.ResponseWriter, r *http.Request, name string) {
	data, err := files.ReadFile("page/" + name)
	if err != nil {
		http.Error(w, "inspectweb: there is no such page", http.StatusNotFound)
		return
	}
	sum := fnv.New64a()
	sum.Write(data)
	tag := fmt.Sprintf(`"%x"`, sum.Sum64())
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", types[path.Ext(name)])
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(data)
}

// allowed reports whether a request to host is meant for this machine: by one of its loopback
// names or addresses, or as the program has said. A page of another site that has its own name
// resolve to this machine sends that name.
func (h *handler) allowed(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(h.hosts, host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// foreign reports whether a browser says that the page of another site asks, other than by a
// link that a user follows.
func foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return (site == "cross-site" || site == "same-site") && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// serverOf returns the server that a request of ctx has come to, nil if there is none.
func serverOf(ctx context.Context) *http.Server {
	s, _ := ctx.Value(http.ServerContextKey).(*http.Server)
	return s
}
