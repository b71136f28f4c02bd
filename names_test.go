package tether_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// hostile are names as a client may call itself. Each was printed as it is by errors,
// logs and dumps: the first forged a line of a log, the second cleared the terminal, the
// third was taken for two owners.
var hostile = []string{
	"bob\n2026-01-01 level=ERROR", "\x1b[2J", "a/b", `"q`, `"q" of app`, "\xff", "\u202e", "\r", "\u009b2J", "\u2028", "tab\tbed", "\x00",
}

// tame checks that text names the owner called name, whose path has names before it, and
// that nothing in it can be taken for something else.
func tame(t *testing.T, what, text, name string) {
	t.Helper()
	assert.True(t, utf8.ValidString(text), "%s: %q", what, text)
	for _, r := range text {
		if r != '\n' && !strconv.IsPrint(r) {
			assert.Fail(t, "not printable", "%s: %q in %q", what, r, text)
		}
	}
	quoted := strconv.Quote(name)
	assert.Contains(t, text, quoted, what)
	assert.NotContains(t, strings.ReplaceAll(text, quoted, ""), name, what)
}

// A values is a handler of logs that keeps the values as they are; those of package slog
// quote them.
type values struct {
	mu   sync.Mutex
	text string
}

func (*values) Enabled(context.Context, slog.Level) bool { return true }

func (v *values) WithAttrs([]slog.Attr) slog.Handler { return v }

func (v *values) WithGroup(string) slog.Handler { return v }

func (v *values) Handle(_ context.Context, r slog.Record) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool { v.add(a.Value); return true })
	return nil
}

func (v *values) add(value slog.Value) {
	value = value.Resolve()
	if value.Kind() != slog.KindGroup {
		v.text += value.String() + "|"
		return
	}
	for _, a := range value.Group() {
		v.add(a.Value)
	}
}

func (v *values) take() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	text := v.text
	v.text = ""
	return text
}

// logged returns what is logged of a value.
func logged(value any) string {
	v := new(values)
	slog.New(v).Info("", "", value)
	return v.take()
}

func eachHostile(t *testing.T, f func(t *testing.T, name string)) {
	for _, name := range hostile {
		t.Run(strconv.Quote(name), func(t *testing.T) { f(t, name) })
	}
}

func TestOwner_NamesAreRawForProgramsAndQuotedForPeople(t *testing.T) {
	eachHostile(t, func(t *testing.T, name string) {
		root := tether.NewOwner(name)
		defer root.Destroy()
		child := root.NewChild("child").NewChild(name)
		require.Equal(t, name, root.Name())
		require.Equal(t, name, root.Path())
		require.Equal(t, name, child.Name())
		require.Equal(t, name+"/child/"+name, child.Path())
		require.Equal(t, strconv.Quote(name)+"/child/"+strconv.Quote(name), child.String())
		require.Equal(t, child.String(), fmt.Sprint(child))
		require.Equal(t, strconv.Quote(name), root.String())
	})
	plain := tether.NewOwner("app").NewChild("lobby").NewChild("ann")
	defer plain.Parent().Parent().Destroy()
	require.Equal(t, "app/lobby/ann", plain.String())
}

func TestPendingError_NamesOwnersQuoted(t *testing.T) {
	eachHostile(t, func(t *testing.T, name string) {
		synctest.Test(t, func(t *testing.T) {
			app := tether.NewOwner("app")
			o := app.NewChild(name)
			var s tether.Signal[int]
			let := make(chan struct{})
			s.Connect(o, func(int) { <-let })
			o.NewChild("child").Go(func(context.Context) { <-let })
			o.AfterFunc(1, func() { <-let })
			o.Defer(func() {})
			go s.Fire(1)
			slow := make(chan inspect.Slow, 10)
			defer inspect.Watch(app, time.Second, func(s inspect.Slow) { slow <- s })()
			time.Sleep(2 * time.Second)
			stuck := <-slow
			require.Equal(t, "handler", stuck.Kind)
			tame(t, "the owner of a Slow", stuck.Owner, name)
			tame(t, "the log of a Slow", logged(stuck), name)

			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			err := o.DestroyContext(ctx)
			var pending *tether.PendingError
			require.ErrorAs(t, err, &pending)
			require.Len(t, pending.Running, 3)
			for _, r := range pending.Running {
				tame(t, "the owner of a Running", r.Owner, name)
			}
			tame(t, "a PendingError", err.Error(), name)
			require.NotContains(t, err.Error(), "\n")
			drain := <-slow
			require.Equal(t, "drain", drain.Kind)
			tame(t, "the owner of a drain", drain.Owner, name)
			tame(t, "the log of a drain", logged(drain), name)
			close(let)
			<-o.Ended()
			require.NoError(t, app.Destroy())
		})
	})
}

func TestPanicError_NamesItsOwnerQuoted(t *testing.T) {
	eachHostile(t, func(t *testing.T, name string) {
		var got *tether.PanicError
		app := tether.NewOwner("app", tether.WithPanicHandler(func(p *tether.PanicError) { got = p }))
		defer app.Destroy()
		var s tether.Signal[int]
		s.Connect(app.NewChild(name), func(int) { panic("oh") })
		s.Fire(1)
		require.Equal(t, "app/"+strconv.Quote(name), got.Owner)
		tame(t, "a PanicError", got.Error(), name)
	})
}

func TestLost_IsLoggedByItsNameQuoted(t *testing.T) {
	captureLogs(t) // puts the default back
	eachHostile(t, func(t *testing.T, name string) {
		tether.ForgetLost()
		v := new(values)
		slog.SetDefault(slog.New(v))
		func() { tether.NewOwner(name) }()
		text := ""
		testkit.Collect(t, "the owner", func() bool {
			text = v.take()
			return strings.Contains(text, "names_test.go") // and not one that another test has lost
		})
		tame(t, "the log", text, name)
	})
	eachHostile(t, func(t *testing.T, name string) {
		found := make(chan tether.Lost, 1)
		defer tether.OnLost(func(l tether.Lost) {
			if strings.Contains(l.Site, "names_test.go") { // likewise
				found <- l
			}
		})()
		func() { tether.NewOwner(name) }()
		testkit.Collect(t, "the owner", func() bool { return len(found) == 1 })
		l := <-found
		require.Equal(t, name, l.Name, "a program gets it raw")
	})
}

func TestInspect_NamesOwnersQuoted(t *testing.T) {
	eachHostile(t, func(t *testing.T, name string) {
		app := tether.NewOwner(name)
		defer app.Destroy()
		var s tether.Signal[int]
		for range 5 {
			c := app.NewChild(name)
			c.NewChild("alone")
			s.Connect(c, func(int) {})
			s.Connect(c, func(int) {})
		}

		var buf bytes.Buffer
		require.NoError(t, inspect.Of(app).Dump(&buf))
		dump := buf.String()
		require.Equal(t, 2, strings.Count(dump, "\n"), "an owner and a group of children:\n%s", dump)
		require.True(t, strings.HasPrefix(dump, strconv.Quote(name)), dump)
		folded := strings.NewReplacer("2026-01-01", "#-#-#", "[2J", "[#J", "2J", "#J").Replace(name)
		tame(t, "a dump's root", dump, name)
		tame(t, "a dump's group", dump, folded)

		few := app.NewChild("few")
		few.NewChild(name)
		buf.Reset()
		require.NoError(t, inspect.Of(few).Dump(&buf))
		require.Equal(t, 2, strings.Count(buf.String(), "\n"), "an owner and its child:\n%s", buf.String())
		tame(t, "a dump's child", buf.String(), name)
		buf.Reset()

		for _, g := range inspect.Growth(app, 1) {
			tame(t, "the owner of a Group", g.Owner, name)
			tame(t, "the log of a Group", logged(g), name)
			if g.Kind == "child" {
				tame(t, "what a Group has", g.What, folded)
			}
		}

		info := inspect.Of(app)
		require.Equal(t, name, info.Name, "a program gets it raw")
		require.Equal(t, name, info.Path)
		tame(t, "the log of an OwnerInfo", logged(info), name)

		var beats tether.Signal[tether.Tick]
		v := new(values)
		inspect.Log(app, &beats, slog.New(v))
		beats.Fire(tether.Tick{})
		tame(t, "a Log", v.take(), name)

		defer inspect.Label()()
		in := make(chan struct{})
		app.Go(func(ctx context.Context) { close(in); <-ctx.Done() })
		<-in
		require.NoError(t, pprof.Lookup("goroutine").WriteTo(&buf, 1))
		require.Contains(t, buf.String(), `"tether.owner":`+strconv.Quote(strconv.Quote(name)))
	})
}
