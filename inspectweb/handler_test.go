package inspectweb_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspectweb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newOwner(t testing.TB, name string) *tether.Owner {
	o := tether.NewOwner(name)
	t.Cleanup(func() { o.Destroy() })
	return o
}

// get asks h, as a browser on this machine does.
func get(h http.Handler, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://localhost:6060"+target, nil)
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func html(r *http.Request) { r.Header.Set("Accept", "text/html,*/*;q=0.8") }

func TestHandler_ThePageIsServedWhereverItIsMounted(t *testing.T) {
	h := inspectweb.Handler(newOwner(t, "app"))
	for _, path := range []string{"/", "/debug/tether/", "/a/b/c/d/"} {
		w := get(h, path, html)
		require.Equal(t, http.StatusOK, w.Code)
		require.Contains(t, w.Body.String(), "<!doctype html>")
		for _, file := range []string{"app.js", "dom.js", "now.js", "trouble.js", "tree.js", "search.js", "compare.js"} {
			w := get(h, path+file)
			require.Equal(t, http.StatusOK, w.Code, file)
			require.Contains(t, w.Header().Get("Content-Type"), "javascript")
			tag := w.Header().Get("ETag")
			w = get(h, path+file, func(r *http.Request) { r.Header.Set("If-None-Match", tag) })
			require.Equal(t, http.StatusNotModified, w.Code)
			require.Zero(t, w.Body.Len())
		}
		require.Contains(t, get(h, path+"style.css").Header().Get("Content-Type"), "text/css")
		require.Contains(t, get(h, path+"icon.svg").Header().Get("Content-Type"), "image/svg+xml")
	}
	require.Equal(t, http.StatusNotFound, get(h, "/debug/nothing").Code)
	require.Equal(t, http.StatusNotFound, get(h, "/debug/..%2fhandler.go").Code)
}

// Some machines have another type for ".js", and the page did not run there.
func TestHandler_TheTypesOfThePagesFilesAreNotThoseOfTheMachine(t *testing.T) {
	before := mime.TypeByExtension(".js")
	require.NoError(t, mime.AddExtensionType(".js", "text/plain"))
	defer func() { require.NoError(t, mime.AddExtensionType(".js", before)) }()
	h := inspectweb.Handler(newOwner(t, "app"))
	require.Equal(t, "text/javascript; charset=utf-8", get(h, "/app.js").Header().Get("Content-Type"))
	files, err := os.ReadDir("page")
	require.NoError(t, err)
	for _, f := range files {
		require.NotEmpty(t, get(h, "/"+f.Name()).Header().Get("Content-Type"), f.Name())
	}
}

func TestHandler_ThePageHasNoScriptOrStyleOfItsOwn(t *testing.T) {
	h := inspectweb.Handler(newOwner(t, "app"))
	page := get(h, "/", html).Body.String()
	require.NotRegexp(t, `<script[^>]*>[^<]`, page)
	require.NotRegexp(t, `<style|style=|\son\w+=`, page)
	entries, err := os.ReadDir("page")
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile("page/" + e.Name())
		require.NoError(t, err)
		require.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function`, string(text), e.Name())
		require.NotRegexp(t, `https?://[^w]`, string(text), "%s asks nobody else", e.Name())
	}
}

func TestHandler_OnlyGetAndHeadAreAnswered(t *testing.T) {
	h := inspectweb.Handler(newOwner(t, "app"))
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"} {
		w := get(h, "/", func(r *http.Request) { r.Method = method })
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
		require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	}
	for _, path := range []string{"/", "/tree.json", "/tree.txt", "/events", "/app.js"} {
		require.Equal(t, http.StatusOK, get(h, path, func(r *http.Request) { r.Method = http.MethodHead }).Code, path)
	}
}

// A site whose name resolves to this machine must not be able to read the page.
func TestHandler_OnlyHostsThatAreMeantAreAnswered(t *testing.T) {
	h := inspectweb.Handler(newOwner(t, "app"), inspectweb.Hosts("Debug.example.com", "10.0.0.5", "fd00::1"))
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:6060": true, "LOCALHOST": true, "localhost.": true, "app.localhost:80": true,
		"127.0.0.1": true, "127.0.0.1:6060": true, "127.8.9.1": true, "[::1]": true, "[::1]:6060": true, "::1": true,
		"debug.example.com": true, "DEBUG.example.com:6060": true, "10.0.0.5:80": true, "[fd00::1]:80": true,
		"": false, "evil.com": false, "evil.com:6060": false, "localhost.evil.com": false, "127.0.0.1.evil.com": false,
		"10.0.0.6": false, "xlocalhost": false, "0.0.0.0": false, "[::]": false, "example.com": false, "debug.example.com.evil.com": false,
		"192.168.1.1": false, "[fd00::2]": false, "evil.com#localhost": false, "localhost@evil.com": false,
	} {
		w := get(h, "/tree.json", func(r *http.Request) { r.Host = host })
		require.Equal(t, ok, w.Code == http.StatusOK, "%q: %d", host, w.Code)
		if !ok {
			require.Equal(t, http.StatusForbidden, w.Code)
			require.NotContains(t, w.Body.String(), "evil")
		}
	}
}

// A name with the dot of the root, as an address bar may have it, was never matched. And the
// names were changed where they were: in the slice of the program.
func TestHosts_TakesNamesAsTheyAreAndLeavesThem(t *testing.T) {
	names := []string{"Debug.example.com."}
	h := inspectweb.Handler(newOwner(t, "app"), inspectweb.Hosts(names...))
	require.Equal(t, []string{"Debug.example.com."}, names)
	for _, host := range []string{"debug.example.com.", "debug.example.com:80"} {
		require.Equal(t, http.StatusOK, get(h, "/tree.json", func(r *http.Request) { r.Host = host }).Code, host)
	}
	require.PanicsWithValue(t, `inspectweb: Hosts with "."`, func() { inspectweb.Hosts(".") })
}

func TestHandler_WhatAnotherSiteAsksForIsRefused(t *testing.T) {
	h := inspectweb.Handler(newOwner(t, "app"))
	from := func(site, mode string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", site)
			r.Header.Set("Sec-Fetch-Mode", mode)
		}
	}
	require.Equal(t, http.StatusForbidden, get(h, "/search?q=x", from("cross-site", "no-cors")).Code)
	require.Equal(t, http.StatusForbidden, get(h, "/search?q=x", from("same-site", "cors")).Code, "another port is another site")
	require.Equal(t, http.StatusOK, get(h, "/search?q=x", from("same-origin", "cors")).Code)
	require.Equal(t, http.StatusOK, get(h, "/", from("cross-site", "navigate")).Code, "a link that somebody follows")
}

func TestHandler_EveryAnswerHasTheHeadersThatKeepItSafe(t *testing.T) {
	h := inspectweb.Handler(newOwner(t, "app"))
	for _, path := range []string{"/", "/app.js", "/tree", "/nothing", "/search?q=", "/help"} {
		for _, host := range []string{"localhost", "evil.com"} {
			head := get(h, path, func(r *http.Request) { r.Host = host }).Header()
			csp := head.Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
				require.Contains(t, csp, part)
			}
			require.NotContains(t, csp, "unsafe")
			require.Equal(t, "nosniff", head.Get("X-Content-Type-Options"))
			require.Equal(t, "DENY", head.Get("X-Frame-Options"))
			require.Equal(t, "same-origin", head.Get("Cross-Origin-Resource-Policy"))
			require.Equal(t, "no-referrer", head.Get("Referrer-Policy"))
			require.Empty(t, head.Get("Access-Control-Allow-Origin"))
		}
	}
}

func TestHandler_NothingIsRegisteredForTheWholeProgram(t *testing.T) {
	inspectweb.Handler(newOwner(t, "app"))
	for _, path := range []string{"/", "/debug/tether/", "/tree.json"} {
		_, pattern := http.DefaultServeMux.Handler(httptest.NewRequest(http.MethodGet, path, nil))
		require.Empty(t, pattern)
	}
}

func said(string) {}

func TestHandler_TheTreeAsTextAndAsJSON(t *testing.T) {
	app := newOwner(t, "text app")
	var s tether.Signal[string]
	for i := range 7 {
		s.Connect(app.NewChild(fmt.Sprint("client-", i)), said)
	}
	q := tether.NewQueue(app, 4, tether.DropOldest, tether.Manual())
	s.Connect(app, said, tether.On(q))
	for range 6 {
		s.Fire("x")
	}
	h := inspectweb.Handler(app, inspectweb.Title("the program"))
	text := get(h, "/").Body.String() // as curl asks
	require.Contains(t, text, "the program, ")
	require.Contains(t, text, "nothing is wrong")
	for _, text := range []string{text, get(h, "/tree.txt").Body.String()} {
		require.Regexp(t, `(?m)^text app +inspectweb_test.newOwner handler_test.go:\d+$`, text)
		require.Contains(t, text, "\n  client-# ×7\n    connection string ×7 ")
		require.Contains(t, text, "  queue 4 DropOldest: 4 pending, 6 taken, 2 dropped\n")
	}
	var tree struct {
		Title string
		Total map[string]int
		Roots []struct {
			Name  string
			Total map[string]int
			Below []struct {
				Name   string
				Owners int
				Holds  []struct{ Kind, What string }
			}
		}
	}
	w := get(h, "/tree.json")
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &tree))
	for _, r := range tree.Roots {
		if r.Name != "text app" {
			continue
		}
		require.Equal(t, 8, r.Total["owners"])
		require.Equal(t, 4, r.Total["queued"])
		require.Equal(t, "client-#", r.Below[0].Name)
		require.Equal(t, 7, r.Below[0].Owners)
		require.Equal(t, "string", r.Below[0].Holds[0].What)
		return
	}
	t.Fatal("the tree is not there")
}

// The capacity of a single queue without bound was sent as the largest number there is, and the
// page showed the queue as one that has that much room.
func TestHandler_AQueueWithoutBoundHasNoCapacity(t *testing.T) {
	app := newOwner(t, "app")
	tether.NewQueue(app.NewChild("mailbox"), tether.Unbounded, tether.Block)
	require.Contains(t, get(inspectweb.Handler(app), "/tree.json").Body.String(), `"capacity":0,`)
}

// A stream is read from a real listener.
type stream struct {
	t    *testing.T
	body io.ReadCloser
	in   *bufio.Reader
}

func open(t *testing.T, client *http.Client, url string) *stream {
	t.Helper()
	res, err := client.Get(url + "/events")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	t.Cleanup(func() { res.Body.Close() })
	return &stream{t, res.Body, bufio.NewReader(res.Body)}
}

// next returns the next event, "" at the end.
func (s *stream) next() (event, data string) {
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return "", ""
		}
		switch key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); key {
		case "event":
			event = value
		case "data":
			data = value
		case "":
			return event, data
		}
	}
}

func TestStream_AStreamTellsAtOnceAndGoesOn(t *testing.T) {
	app := newOwner(t, "app")
	srv := httptest.NewServer(inspectweb.Handler(app))
	t.Cleanup(srv.Close)
	s := open(t, srv.Client(), srv.URL)
	event, data := s.next()
	require.Equal(t, "hello", event)
	require.Contains(t, data, `"boot":"`)
	for range 2 {
		event, data = s.next()
		require.Equal(t, "look", event)
		var look struct {
			Now     []int64
			Trouble []any
		}
		require.NoError(t, json.Unmarshal([]byte(data), &look))
		require.GreaterOrEqual(t, look.Now[1], int64(1))
	}
	app.Destroy()
	event, _ = s.next()
	for event == "look" {
		event, _ = s.next()
	}
	require.Equal(t, "bye", event)
	event, _ = s.next()
	require.Empty(t, event)
}

func TestHandler_ShutdownDoesNotWaitForPages(t *testing.T) {
	app := newOwner(t, "app")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{Handler: inspectweb.Handler(app)}
	go srv.Serve(ln)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var pages []*stream
	for range 10 {
		p := open(t, client, "http://"+ln.Addr().String())
		event, _ := p.next()
		require.Equal(t, "hello", event)
		pages = append(pages, p)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, srv.Shutdown(ctx), "though the owner lives")
	require.True(t, app.Alive())
	for _, p := range pages {
		for event := "x"; event != ""; {
			event, _ = p.next()
		}
	}
}

// A request that had come before Shutdown, and asked for a page after it had begun, got a page
// that nobody ended, and Shutdown waited for it.
func TestHandler_ShutdownDoesNotWaitForAPageThatOpensMeanwhile(t *testing.T) {
	app := newOwner(t, "app")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	page := inspectweb.Handler(app)
	came, over := make(chan bool), make(chan bool)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late/events" {
			close(came)
			<-over
		}
		page.ServeHTTP(w, r)
	})}
	go srv.Serve(ln)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	at := "http://" + ln.Addr().String()
	first := open(t, client, at)
	late := make(chan error, 1)
	go func() {
		res, err := client.Get(at + "/late/events")
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		late <- err
	}()
	<-came
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() {
		for event := "x"; event != ""; {
			event, _ = first.next()
		}
		close(over) // Shutdown has ended the first page
	}()
	err = srv.Shutdown(ctx)
	srv.Close()
	require.NoError(t, err)
	require.NoError(t, <-late)
}

// A page that has lost its program tries again and again. Where the server outlives the owner,
// each try left a function with the server.
func TestHandler_PagesOfAnEndedOwnerLeaveNothingWithTheServer(t *testing.T) {
	app := newOwner(t, "app")
	srv := httptest.NewServer(inspectweb.Handler(app))
	t.Cleanup(srv.Close)
	app.Destroy()
	functions := func() int { return reflect.ValueOf(srv.Config).Elem().FieldByName("onShutdown").Len() }
	before := 0
	for range 10 {
		s := open(t, srv.Client(), srv.URL)
		for event := "x"; event != ""; {
			event, _ = s.next()
		}
		if before == 0 {
			before = functions() // one of them is for the first page
		}
	}
	require.Equal(t, before, functions())
}

func TestHandler_DestroyDoesNotWaitForPages(t *testing.T) {
	app := newOwner(t, "app")
	srv := httptest.NewServer(inspectweb.Handler(app))
	t.Cleanup(srv.Close)
	for range 10 {
		open(t, srv.Client(), srv.URL).next()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, app.DestroyContext(ctx))
	s := open(t, srv.Client(), srv.URL) // of a program that ends
	for event := "x"; event != ""; {
		event, _ = s.next()
	}
}

// When the last page is closed, the looks end, and what is left is a timer for a minute.
func TestHandler_NobodyLooksWhereNoPageIsOpen(t *testing.T) {
	app := newOwner(t, "app")
	srv := httptest.NewServer(inspectweb.Handler(app))
	t.Cleanup(srv.Close)
	require.Equal(t, tether.Stats{Owners: 1}, app.Stats())
	s := open(t, srv.Client(), srv.URL)
	s.next()
	require.Equal(t, 1, app.Stats().Goroutines)
	require.Equal(t, 4, app.Stats().Owners, "the look, the server, the page")
	s.body.Close()
	require.Eventually(t, func() bool { return app.Stats() == tether.Stats{Owners: 2} }, 20*time.Second, time.Millisecond)
}

// The timer was the owner's. If the owner ended before its time, the last look was kept for ever.
func TestHandler_ForgetsWhatItHasSeenThoughTheOwnerHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newOwner(t, "app")
		h := inspectweb.Handler(app)
		history := func() string {
			_, after, found := strings.Cut(get(h, "/events").Body.String(), `"history":[`)
			require.True(t, found)
			return after[:1]
		}
		get(h, "/tree.txt")
		app.Destroy()
		require.Equal(t, "[", history(), "a look")
		time.Sleep(2 * time.Minute)
		require.Equal(t, "]", history())
		get(h, "/tree.txt")
		require.Equal(t, "[", history())
		time.Sleep(2 * time.Minute)
		require.Equal(t, "]", history())
	})
}

func TestHandler_AHundredPagesTakeBoundedMemory(t *testing.T) {
	app := newOwner(t, "app")
	for i := range 20_000 {
		app.NewChild(fmt.Sprint("child-", i))
	}
	srv := httptest.NewServer(inspectweb.Handler(app))
	t.Cleanup(srv.Close)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	first := open(t, srv.Client(), srv.URL)
	first.next()
	first.next()
	before := heap()
	var all []*stream
	for range 99 {
		s := open(t, srv.Client(), srv.URL)
		s.next()
		all = append(all, s)
	}
	for _, s := range all {
		event, _ := s.next()
		require.Equal(t, "look", event)
	}
	per := (int64(heap()) - int64(before)) / 99
	t.Logf("%d bytes for each page, client and server", per)
	require.Less(t, per, int64(100<<10))
	for range 100 {
		open(t, srv.Client(), srv.URL)
	}
	res, err := srv.Client().Get(srv.URL + "/events")
	require.NoError(t, err)
	res.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode, "the 201st")
	app.Destroy()
}

// stalled is a connection that takes nothing any more, and honours deadlines.
type stalled struct {
	head     http.Header
	mu       sync.Mutex
	deadline time.Time
	bounded  bool // the last write was
	writes   int
}

func (s *stalled) Header() http.Header { return s.head }
func (s *stalled) WriteHeader(int)     {}
func (s *stalled) Flush()              {}
func (s *stalled) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	return nil
}

func (s *stalled) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := time.Until(s.deadline)
	s.bounded = until > 0 && until <= 10*time.Second
	if s.writes++; s.writes < 3 {
		return len(b), nil
	}
	return 0, os.ErrDeadlineExceeded
}

func TestStream_ASlowReaderIsLetGoOf(t *testing.T) {
	app := newOwner(t, "app")
	h := inspectweb.Handler(app)
	s := &stalled{head: make(http.Header)}
	h.ServeHTTP(s, httptest.NewRequest(http.MethodGet, "http://localhost/events", nil)) // returns
	require.Equal(t, 3, s.writes)
	require.True(t, s.bounded)
	require.NoError(t, app.Destroy())
}

func TestHandler_AFoldAndAnOwnerAreAskedForByKey(t *testing.T) {
	app := newOwner(t, "keys")
	for i := range 7 {
		app.NewChild(fmt.Sprint("child-", i)).Defer(func() {})
	}
	h := inspectweb.Handler(app)
	ask := func(path string) (v struct {
		Roots, Below, Owners, Holds, Found []struct {
			Key, ID, Name, Owner, Kind, Why string
			Below                           []struct{ Key, Name string }
		}
		All bool
	}) {
		w := get(h, path)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		_ = json.Unmarshal(w.Body.Bytes(), &v)
		return v
	}
	key := ""
	for _, r := range ask("/tree").Roots {
		if r.Name == "keys" {
			key = r.Key
		}
	}
	group := ""
	for _, r := range ask("/tree?open=" + key).Roots {
		if r.Name == "keys" {
			require.Equal(t, "child-#", r.Below[0].Name)
			group = r.Below[0].Key
		}
	}
	fold := ask("/fold?key=" + group)
	require.True(t, fold.All)
	require.Len(t, fold.Owners, 7)
	require.Equal(t, "keys/child-3", fold.Owners[3].Owner)
	require.Equal(t, "cleanup", ask("/owner?id=" + fold.Owners[3].ID).Holds[0].Kind)
	found := ask("/search?q=" + url.QueryEscape("KEYS/child-3"))
	require.Equal(t, fold.Owners[3].ID, found.Found[0].ID)
	app.Destroy()
	require.Equal(t, http.StatusNotFound, get(h, "/owner?id="+fold.Owners[3].ID).Code)
}

func TestHandler_MisuseIsNamed(t *testing.T) {
	app := newOwner(t, "app")
	for want, f := range map[string]func(){
		"inspectweb: Handler with nil option": func() { inspectweb.Handler(app, nil) },
		"inspectweb: Handler with nil Owner":  func() { inspectweb.Handler(nil) },
		"inspectweb: Stuck with duration 0s":  func() { inspectweb.Stuck(0) },
		`inspectweb: Hosts with ""`:           func() { inspectweb.Hosts("a", "") },
		`inspectweb: Hosts with "a:80"`:       func() { inspectweb.Hosts("a:80") },
		`inspectweb: Hosts with "http://a"`:   func() { inspectweb.Hosts("http://a") },
	} {
		require.PanicsWithValue(t, want, f)
	}
}

// Whatever somebody asks, the answer is one of few, bounded, and has nothing of the question.
func FuzzTheQuery(f *testing.F) {
	for _, path := range []string{"tree", "fold", "owner", "search", "groups", "trouble", "help", "tree.json", "tree.txt", "", "events/", "x"} {
		for _, query := range []string{"", "open=1,2", "key=zz", "id=0", "q=needle<script>", "q=" + strings.Repeat("needle<script>", 30), "open=" + strings.Repeat("1,", 300), "q=%ff%fe", "%zz", "key=-1"} {
			f.Add(path, query)
		}
	}
	app := newOwner(f, "app")
	for i := range 10 {
		app.NewChild(fmt.Sprint("child-", i))
	}
	h := inspectweb.Handler(app)
	f.Fuzz(func(t *testing.T, path, query string) {
		if strings.HasSuffix(path, "events") {
			return // which does not end
		}
		r := httptest.NewRequest(http.MethodGet, "http://localhost/", nil)
		r.URL.Path, r.URL.RawQuery = "/"+path, query
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusRequestURITooLong:
		default:
			t.Fatalf("%d for %q %q", w.Code, path, query)
		}
		if w.Body.Len() > 1<<20 {
			t.Fatalf("%d bytes for %q %q", w.Body.Len(), path, query)
		}
		if strings.Contains(w.Body.String(), "needle<script>") {
			t.Fatalf("the answer to %q %q has the question: %s", path, query, w.Body)
		}
	})
}

// What the page links to is there, in docs/debugging.md.
func TestHandler_TheSectionsThatThePageOpensAreThere(t *testing.T) {
	var sections map[string]string
	require.NoError(t, json.Unmarshal(get(inspectweb.Handler(newOwner(t, "app")), "/help").Body.Bytes(), &sections))
	text, err := os.ReadFile("page/trouble.js")
	require.NoError(t, err)
	found := regexp.MustCompile(`section: '([a-z-]+)'`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, found, 6)
	for _, m := range found {
		require.Contains(t, sections[m[1]], "**What to do.**", m[1])
	}
}

// A first is a ResponseWriter that says when something was written.
type first struct {
	*httptest.ResponseRecorder
	once  sync.Once
	wrote chan struct{}
}

func (f *first) Write(b []byte) (int, error) {
	defer f.once.Do(func() { close(f.wrote) })
	return f.ResponseRecorder.Write(b)
}

// A server of HTTP/3 is none of package net/http.
func TestHandler_APageOfAnotherKindOfServerStaysOpen(t *testing.T) {
	app := newOwner(t, "app")
	h := inspectweb.Handler(app)
	w := &first{ResponseRecorder: httptest.NewRecorder(), wrote: make(chan struct{})}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost:6060/events", nil))
	}()
	<-w.wrote
	s := httptest.NewServer(h)
	defer s.Close()
	for range 2 {
		answer, err := s.Client().Get(s.URL + "/events")
		require.NoError(t, err)
		_, err = bufio.NewReader(answer.Body).ReadString('\n')
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
	}
	select {
	case <-closed:
		require.Fail(t, "the page was closed")
	case <-time.After(100 * time.Millisecond):
	}
	app.Destroy()
	<-closed
}
