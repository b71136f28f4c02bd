package browser_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspectweb"
)

// row is the text of the line of the tree whose name is given, without numbers that change.
func row(name string) string {
	return fmt.Sprintf("[...document.querySelectorAll('.row')].find(e => e.querySelector('.name .text').textContent === %q)", name)
}

func (p *page) click(js string) { p.t.Helper(); p.run(chromedp.Evaluate("("+js+").click()", nil)) }

func (p *page) search(text string) {
	p.t.Helper()
	p.run(chromedp.Evaluate(fmt.Sprintf("q.value = %q; q.dispatchEvent(new Event('input'))", text), nil))
}

func TestTheFirstScreenSaysThatNothingIsWrong(t *testing.T) {
	z := newZoo(t, 40)
	p := newPage(t, 1280, 800)
	p.open(serve(t, z.app))
	p.shows("#verdict", "Nothing is wrong")
	p.shows("#live", "Live")
	p.shows(".tile", "Owners")
	p.shows("#groups", "player-# of app/lobby")
	p.shows("#groups", at(t, "zoo_test.go", "joins"))
	require.Equal(t, "lobbyd – tether", js[string](p, "document.title"))
	p.fits()
	p.shot("now")
}

// A change shows with the next look, a second later at the most, and nothing moves.
func TestItIsLiveWithinASecondOrSo(t *testing.T) {
	z := newZoo(t, 40)
	p := newPage(t, 1280, 800)
	p.open(serve(t, z.app))
	p.shows(".tile .value", "40")
	p.shows("#groups .n", "40")
	where := "JSON.stringify([...document.querySelectorAll('.tile, #groups, #first, footer')].map(e => e.getBoundingClientRect()))"
	before := js[string](p, where)
	start := time.Now()
	for i := range 200 {
		z.join(100 + i)
	}
	p.shows("#groups .n", "240")
	took := time.Since(start)
	t.Logf("it took %v", took)
	require.Less(t, took, 5*time.Second, "a second when the machine is quiet")
	require.Equal(t, before, js[string](p, where), "what is there stays where it is")
	p.click("document.querySelector('#pause')")
	z.join(1000)
	time.Sleep(1500 * time.Millisecond)
	require.NotContains(t, p.text("#groups"), "241")
	p.click("document.querySelector('#pause')")
	p.shows("#groups .n", "241")
}

func TestTheTreeIsOpenedStepByStep(t *testing.T) {
	z := newZoo(t, 240)
	p := newPage(t, 1280, 900)
	p.open(serve(t, z.app) + "#tree")
	p.shows(".row", "lobby 240 owners") // the only root is open
	p.click(row("lobby"))
	p.shows(".row", "player-# × 240 240 connections 24 goroutines 240 cleanups")
	p.click(row("player-#"))
	p.shows(".row", "connection string × 240 browser_test.hear zoo_test.go:")
	p.shows(".row", "goroutine × 24 browser_test.read zoo_test.go:")
	p.click(row("one by one"))
	p.shows(".row", "these were the oldest and the newest of 240")
	p.shows(".row", "player-239")
	p.click(row("player-239"))
	p.shows(".row[aria-level='6']", "connection string browser_test.hear")
	z.players[239].Destroy()
	p.shows(".row", "player-# × 239")
	p.until(row("player-239") + " === undefined")
	p.click(row("screen"))
	p.shows(".row .queue", "9 / 16 9 taken manual")
	p.shot("open")
	p.fits()
	p.click(row("lobby"))
	p.until("!document.querySelector('#tree').innerText.includes('player-#')")
	p.click("document.querySelector('#collapse')")
	p.until("document.querySelectorAll('#tree .row').length === 1")
}

func TestSearchFindsPathsFunctionsAndSignals(t *testing.T) {
	z := newZoo(t, 240)
	p := newPage(t, 1280, 800)
	p.open(serve(t, z.app))
	p.shows("#live", "Live")
	p.key("/")
	p.until("document.activeElement === q")
	p.run(chromedp.Evaluate("q.value = ''", nil)) // the driver types the slash whatever the page says
	p.key("lobby/player-17")
	p.shows("#found-note", "11 owners of")
	p.shows("#found .row", "app/lobby/player-171")
	p.shot("path")
	p.click(row("app/lobby/player-171"))
	p.shows("#found .row", "connection string browser_test.hear")
	p.search("browser_test.draw")
	p.shows("#found .row", "app/screen connection int browser_test.draw zoo_test.go:")
	p.search("no such thing")
	p.shows("#found-note", "Nothing of")
	p.key(kb.Escape)
	p.shows(".tile", "Owners")
}

func TestTroubleIsThereWithItsLine(t *testing.T) {
	z := newZoo(t, 40)
	p := newPage(t, 1280, 900)
	p.open(serve(t, z.app))
	p.shows("#verdict", "Nothing is wrong")
	z.app.Go(z.leak)
	p.shows("#first .trouble", "cleanup of app, and more and more")
	p.shows("#first [data-kind=grows] .pos", at(t, "zoo_test.go", "forgets"))
	go z.saved.Fire("x")
	z.fill()
	p.shows("#first .trouble", "A handler of app/store does not return")
	p.shows("#first .trouble", "The queue 4 Block of app/mail is full")
	p.shows("#verdict", "are wrong, 1 may be")
	require.NoError(t, chromedp.Run(p.ctx, chromedp.Click("#verdict")))
	p.shows(".card[data-kind=stuck] .pos", at(t, "zoo_test.go", "sticks"))
	p.shows(".card[data-kind=full] .pos", at(t, "zoo_test.go", "fills"))
	p.shows(".card[data-kind=full]", "1 held Fire")
	p.click("document.querySelector('.card[data-kind=stuck] summary')")
	p.shows(".card[data-kind=stuck] pre", "chan receive")
	p.shot("trouble")
	p.click("[...document.querySelectorAll('.card[data-kind=grows] button')].find(b => b.textContent === 'docs/debugging.md')")
	p.shows("dialog", "Memory grows")
	p.shows("dialog", "What to do.")
	p.shot("help")
	p.key(kb.Escape)
	p.until("!document.querySelector('dialog').open")
	close(z.gate)
	p.until("!document.querySelector('.card[data-kind=stuck]')")
	p.fits()
}

func TestTwoSnapshotsAreCompared(t *testing.T) {
	z := newZoo(t, 40)
	p := newPage(t, 1280, 800)
	p.open(serve(t, z.app))
	p.shows("#live", "Live")
	p.key("4")
	p.shows("#changes", "There is no mark")
	p.key("m")
	p.shows("#changes", "There is as much of everything as there was")
	for i := range 17 {
		z.join(100 + i)
	}
	for _, o := range z.players[:4] {
		o.Destroy()
	}
	z.app.Defer(forgetClient)
	p.shows("#diff-groups .change", "+13 40 → 53 player-# of app/lobby")
	p.shows("#diff-groups .change", "+1 0 → 1 cleanup of app browser_test.forgetClient")
	p.shows("#diff-numbers .change", "+13")
	p.shot("compare")
	p.run(chromedp.Reload())
	p.shows("#diff-groups .change", "+13 40 → 53 player-# of app/lobby")
}

func TestNamesThatSomebodyElseHasChosenAreText(t *testing.T) {
	z := newZoo(t, 4)
	door := z.app.NewChild("door")
	evil := []string{
		`<script>window.hurt = 1</script>`, `<img src=x onerror="window.hurt = 1">`, "\u202egnp.exe", "line\nbreak", "a/b", "",
		strings.Repeat("long", 2500), "\xff\xfe", `"quoted"`, "emoji 👩‍👩‍👧", "javascript:alert(1)",
	}
	for _, name := range evil {
		door.NewChild(name).Defer(bye)
	}
	root := tether.NewOwner("<b>root</b>")
	defer root.Destroy()
	p := newPage(t, 1280, 900)
	p.open(serve(t, z.app) + "#tree")
	p.shows(".row", "<b>root</b>")
	p.click(row("app"))
	p.shows(".row", "door")
	p.click(row("door"))
	p.shows(".row", `"<script>window.hurt = 1</script>"`)
	p.shows(".row", `"\u202egnp.exe"`)
	p.shows(".row", `"line\nbreak"`)
	p.shows(".row", `"\xff\xfe"`)
	p.shows(".row", `javascript:alert(1)`)
	p.shows(".row", "longlong")
	require.Less(t, js[int](p, "document.body.innerText.length"), 10_000)
	p.shot("tree")
	p.fits()
	p.search("<script>")
	p.shows("#found .row", `app/door/"<script>window.hurt = 1</script>"`)
	require.True(t, js[bool](p, "window.hurt === undefined"))
	require.Zero(t, js[int](p, "document.querySelectorAll('main img, main script, main b b').length"))
	p.search(strings.Repeat("x", 50))
	p.shows("#found-note", "Nothing of")
}

func TestAHundredThousandOwnersAreALook(t *testing.T) {
	z := newZoo(t, 4)
	crowd := z.app.NewChild("crowd")
	for i := range 100_000 {
		z.said.Connect(crowd.NewChild(fmt.Sprint("guest-", i)), hear)
	}
	p := newPage(t, 1280, 800)
	start := time.Now()
	p.open(serve(t, z.app))
	p.shows(".tile .value", "100,0")
	t.Logf("first look after %v: %s", time.Since(start), p.text("#cost"))
	p.key("3")
	p.shows(".row", "crowd 100,000 owners")
	p.click(row("crowd"))
	p.shows(".row", "guest-# × 100,000")
	p.click(row("guest-#"))
	p.shows(".row", "connection string ≈ 100,000")
	p.click(row("one by one"))
	p.shows(".row", "guest-99999")
	p.shows(".row", "guest-0")
	p.shot("tree")
	p.search("guest-77777")
	p.shows("#found .row", "app/crowd/guest-77777")
	p.fits()
}

// Nobody watches a page at the moment when a program is started again.
func TestItComesBackAfterARestart(t *testing.T) {
	p := newPage(t, 1280, 800)
	run := func(name, addr string) (*http.Server, *tether.Owner, string) {
		app := tether.NewOwner(name)
		ln := listen(t, addr)
		s := &http.Server{Handler: inspectweb.Handler(app)}
		go s.Serve(ln)
		return s, app, ln.Addr().String()
	}
	s, app, addr := run("first", "127.0.0.1:0")
	p.open("http://" + addr + "/#tree")
	p.shows(".row", "first")
	p.key("m")
	p.shows("#notice", "Marked")
	require.NoError(t, s.Shutdown(p.ctx), "it does not wait for the page")
	app.Destroy()
	p.shows("#live", "trying again")
	p.shows("#verdict", "No contact")
	p.shot("away")
	s, app, _ = run("second", addr)
	defer app.Destroy()
	defer s.Close()
	p.shows("#notice", "The program was started again")
	p.shows(".row", "second")
	p.until("!document.querySelector('#tree').innerText.includes('first')")
	p.key("4")
	p.shows("#changes", "There is no mark")
	p.shot("back")
}

func TestTheKeyboardIsEnough(t *testing.T) {
	z := newZoo(t, 40)
	p := newPage(t, 1280, 800)
	p.open(serve(t, z.app))
	p.shows("#live", "Live")
	p.key("3")
	focused := "document.activeElement.querySelector('.name .text').textContent"
	p.until("document.activeElement.matches('.row') && " + focused + " === 'app'")
	p.shows(".row", "lobby")
	p.key(kb.ArrowDown)
	for js[string](p, focused) != "lobby" {
		p.key(kb.ArrowDown)
	}
	p.key(kb.ArrowRight)
	p.shows(".row", "player-# × 40")
	p.key(kb.ArrowRight)
	require.Equal(t, "player-#", js[string](p, focused))
	p.key(kb.Enter)
	p.shows(".row", "browser_test.hear")
	time.Sleep(1200 * time.Millisecond) // a look or so
	require.Equal(t, "player-#", js[string](p, focused), "the place is kept while the page is live")
	p.key(kb.ArrowLeft)
	p.until("!document.querySelector('#tree').innerText.includes('browser_test.hear')")
	p.key(kb.ArrowLeft)
	require.Equal(t, "lobby", js[string](p, focused))
	p.key(kb.End)
	p.key(kb.Home)
	require.Equal(t, "app", js[string](p, focused))
	p.key("/")
	p.until("document.activeElement === q")
	p.run(chromedp.Evaluate("q.value = ''", nil)) // the driver types the slash whatever the page says
	p.key("hear")
	p.shows("#found .row", "app/lobby/player-")
	p.key(kb.ArrowDown)
	p.until("document.activeElement.matches('#found .row')")
	p.key(kb.ArrowDown) // from a heartbeat, which is found too
	p.key(kb.Enter)
	p.shows("#found .row[aria-level='2']", "connection string")
	p.key("1")
	p.shows(".tile", "Owners")
	p.shot("now")
}

func TestItFitsAPhoneAndTheDark(t *testing.T) {
	z := newZoo(t, 240)
	url := serve(t, z.app)
	z.app.Go(z.leak)
	z.fill()
	go z.saved.Fire("x")
	for _, c := range []struct {
		name          string
		width, height int64
		dark          bool
	}{{"phone", 400, 800, false}, {"phone-dark", 400, 800, true}, {"desktop", 1280, 800, false}, {"desktop-dark", 1280, 800, true}} {
		t.Run(c.name, func(t *testing.T) {
			p := newPage(t, c.width, c.height)
			if c.dark {
				p.dark()
			}
			p.open(url)
			p.shows("#verdict", "are wrong")
			p.shows("#first [data-kind=grows] .pos", "zoo_test.go")
			p.fits()
			p.shot("1-now")
			for i, view := range []string{"trouble", "tree", "compare", "search=lobby/player-1"} {
				if view == "compare" {
					p.key("m")
					time.Sleep(1200 * time.Millisecond)
				}
				p.run(chromedp.Evaluate(fmt.Sprintf("location.hash = %q", view), nil))
				name, _, _ := strings.Cut(view, "=")
				p.until(fmt.Sprintf("document.querySelector('#view-%s').innerText.length > 60", name))
				if view == "tree" {
					for _, name := range []string{"lobby", "player-#", "mail", "screen"} {
						p.until(row(name) + " !== undefined")
						p.click(row(name))
					}
					p.shows(".row", "connection string × 240")
					p.shows(".row .queue", "/ 16")
				}
				p.fits()
				p.shot(fmt.Sprint(i+2, "-", name))
			}
			require.Equal(t, c.dark, js[bool](p, "getComputedStyle(document.body).backgroundColor === 'rgb(17, 20, 22)'"))
		})
	}
}

// What the pages hold ends with them.
func TestNothingIsLeftOfAPage(t *testing.T) {
	z := newZoo(t, 4)
	url := serve(t, z.app)
	before := z.app.Stats()
	for range 3 {
		p := newPage(t, 800, 600)
		p.open(url)
		p.shows("#live", "Live")
		require.Greater(t, z.app.Stats().Owners, before.Owners)
		p.open("about:blank")
	}
	s := before
	require.Eventually(t, func() bool {
		s = z.app.Stats()
		s.Timers, s.Owners = before.Timers, s.Owners-1 // it forgets in a minute; the server is known
		return s == before
	}, patience, 10*time.Millisecond, "%+v", &s)
}
