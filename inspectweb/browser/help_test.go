// Package browser_test has the tests of the page of package inspectweb in a real browser.
package browser_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspectweb"
)

// patience is how long anything may take to show; far more than it does.
const patience = 20 * time.Second

// chrome is the one browser of all tests, started by the first.
var chrome struct {
	once sync.Once
	ctx  context.Context
	end  func()
	why  string // there is none
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chrome.end != nil {
		chrome.end()
	}
	os.Exit(code)
}

// binary returns where a Chromium is, "" if there is none.
func binary() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func startChrome() {
	path := binary()
	if path == "" {
		chrome.why = "there is no Chromium: apt-get install chromium"
		return
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(time.Minute))
	alloc, endAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, endChrome := chromedp.NewContext(alloc)
	if err := chromedp.Run(ctx); err != nil {
		chrome.why = "Chromium does not start: " + err.Error()
		endAlloc()
		return
	}
	chrome.ctx, chrome.end = ctx, func() { endChrome(); endAlloc() }
}

// A page is a tab of the browser.
type page struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	errors []string // what the browser has complained of
}

// newPage returns a tab that shows nothing yet. The test fails if the browser complains.
func newPage(t *testing.T, width, height int64) *page {
	t.Helper()
	chrome.once.Do(startChrome)
	if chrome.why != "" {
		t.Skip(chrome.why)
	}
	ctx, end := chromedp.NewContext(chrome.ctx)
	t.Cleanup(end)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	p := &page{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, func(e any) {
		switch e := e.(type) {
		case *cdpruntime.EventExceptionThrown:
			p.complain(e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			if e.Entry.Source != log.SourceNetwork { // a server that is away is meant to be
				p.complain(e.Entry.Text)
			}
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, "http://127.0.0.1:") && !strings.HasPrefix(e.Request.URL, "http://localhost:") {
				p.complain("asks " + e.Request.URL)
			}
		}
	})
	p.run(network.Enable(), log.Enable(), chromedp.EmulateViewport(width, height))
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		require.Empty(t, p.errors, "the browser complains")
		if t.Failed() {
			p.t.Logf("screenshot: %s", p.shot("failed"))
		}
	})
	return p
}

func (p *page) complain(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errors = append(p.errors, text)
}

func (p *page) run(actions ...chromedp.Action) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Run(p.ctx, actions...))
}

func (p *page) open(url string) { p.t.Helper(); p.run(chromedp.Navigate(url)) }

// js returns what an expression is.
func js[T any](p *page, expr string) (v T) {
	p.t.Helper()
	p.run(chromedp.Evaluate(expr, &v))
	return v
}

// text returns what there is to read of the first element that css selects, "" if none.
func (p *page) text(css string) string {
	p.t.Helper()
	return js[string](p, fmt.Sprintf("(document.querySelector(%q) || {innerText: ''}).innerText", css))
}

// until waits until an expression is true.
func (p *page) until(expr string) {
	p.t.Helper()
	for start := time.Now(); !js[bool](p, expr); time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > patience {
			p.t.Fatalf("not within %v: %s\non the page:\n%.1500s\n%s", patience, expr, strings.ReplaceAll(p.text("main"), "\n", " "), p.shot("late"))
		}
	}
}

// shows waits until the element that css selects has a text.
func (p *page) shows(css, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("[...document.querySelectorAll(%q)].some(e => e.innerText.replace(/\\s+/g, ' ').includes(%q))", css, text))
}

func (p *page) key(keys string) { p.t.Helper(); p.run(chromedp.KeyEvent(keys)) }

func (p *page) dark() {
	p.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
}

// shots is where screenshots go.
var shots = sync.OnceValue(func() string {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "inspectweb")
	}
	_ = os.MkdirAll(dir, 0o755)
	return dir
})

// shot takes a screenshot, and returns where it is.
func (p *page) shot(name string) string {
	p.t.Helper()
	var png []byte
	if err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot(&png)); err != nil {
		return "none: " + err.Error()
	}
	file := filepath.Join(shots(), strings.ReplaceAll(p.t.Name(), "/", "-")+"-"+name+".png")
	require.NoError(p.t, os.WriteFile(file, png, 0o644))
	return file
}

// fits fails where anything is wider than the window.
func (p *page) fits() {
	p.t.Helper()
	require.LessOrEqual(p.t, js[int](p, "document.documentElement.scrollWidth"), js[int](p, "innerWidth"), "the page is wider than the window")
}

// serve serves the page of the program that the test is. A handler is stuck after 300 ms.
func serve(t *testing.T, owner *tether.Owner) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/debug/tether/", inspectweb.Handler(owner, inspectweb.Stuck(300*time.Millisecond), inspectweb.Title("lobbyd")))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	t.Cleanup(func() { owner.Cancel(nil) }) // pages end; what is stuck may stay so
	return s.URL + "/debug/tether/"
}

// at returns the position of the line of a file that ends in "// mark".
func at(t *testing.T, file, mark string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for i, l := range strings.Split(string(text), "\n") {
		if strings.HasSuffix(l, "// "+mark) {
			return fmt.Sprintf("%s:%d", filepath.Base(file), i+1)
		}
	}
	t.Fatalf("no line is marked %q", mark)
	return ""
}

// listen listens at addr again, when whoever did has stopped.
func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		ln, err := net.Listen("tcp", addr)
		if err == nil {
			return ln
		}
		if time.Since(start) > patience {
			require.NoError(t, err)
		}
	}
}
