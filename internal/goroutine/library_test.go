package goroutine_test

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/goroutine"
)

const root = "github.com/seed-ec287111/tether"

func TestPublic_IsTheNameThatTheReaderKnows(t *testing.T) {
	for fn, want := range map[string]string{
		root + ".(*Heartbeat).arm.func1":               "tether.Heartbeat",
		root + ".NewHeartbeat":                         "tether.NewHeartbeat",
		root + ".(*Queue).Drain-fm":                    "tether.(*Queue).Drain",
		root + ".(*Signal[...]).Fire-fm":               "tether.(*Signal).Fire",
		root + ".(*runner).handle":                     "tether",
		root + ".source[...].Once.func1":               "tether",
		root + "/internal/scope.(*Scope).Go":           "tether.(*Scope).Go",
		root + "/history.Record[...].func1":            "history.Record",
		root + "/pool.(*Lease[...]).tie.func1":         "pool.Lease",
		root + "/weakref.(*table[...]).own.func1":      "weakref",
		root + "/state.NewTween.OnceFunc.func3":        "state.NewTween",
		root + "/state.(*Tween).tick":                  "state.Tween",
		root + "/later.New":                            "later.New",
		root + "/later/deeper.New.func2":               "deeper.New",
		root + "_test.TestX":                           "",
		root + "/keyed_test.TestX.func1":               "",
		root + "/examples/lobby.main":                  "",
		root + "/docs.TestX":                           "",
		root + "/bench/scenario.Run":                   "",
		root + "/verify.X":                             "",
		root + "er.New":                                "",
		root + "er/keyed.New":                          "",
		root:                                           "",
		"main.main":                                    "",
		"":                                             "",
		"github.com/x/y.(*T).f":                        "",
		"example.com/" + root + ".NewOwner":            "",
		"main.f[github.com/seed-ec287111/tether.Tick]": "",
	} {
		name, ok := goroutine.Public(fn)
		require.Equal(t, want, name, fn)
		require.Equal(t, want != "", ok, fn)
		require.Equal(t, ok, goroutine.Library(fn), fn)
	}
}

// What the list of programs does not name is taken for the library, so that a new package
// of it can't be forgotten; a new program could be.
func TestLibrary_DirectoriesOfProgramsAreKnown(t *testing.T) {
	library := []string{"inspect", "internal", "keyed", "history", "pool", "state", "tethertest", "weakref"}
	top, err := os.ReadDir("../..")
	require.NoError(t, err)
	for _, d := range top {
		if !d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			continue
		}
		main := false // a directory is of a program if a main package is in it
		require.NoError(t, filepath.WalkDir(filepath.Join("../..", d.Name()), func(path string, e os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && e.Type().IsRegular() {
				text, err := os.ReadFile(path)
				main = main || strings.Contains("\n"+string(text), "\npackage main\n")
				return err
			}
			return err
		}))
		fn := root + "/" + d.Name() + ".F"
		if slices.Contains(library, d.Name()) {
			require.True(t, goroutine.Library(fn), fn)
		} else if main {
			require.False(t, goroutine.Library(fn), "%s has a program: is it one of the library's?", d.Name())
		}
	}
}

// A tag is like the closer that a package of the library has an owner hold.
type tag struct{}

func (*tag) Close() error { return nil }

func TestCloseOf_IsTheNameOfTheClose(t *testing.T) {
	require.Equal(t, "(*goroutine_test.tag).Close", goroutine.CloseOf(new(tag)))
	require.Equal(t, "(*os.File).Close", goroutine.CloseOf(new(os.File)))
	require.Equal(t, "(*io.PipeReader).Close", goroutine.CloseOf(new(io.PipeReader)))
	require.Equal(t, "(struct { io.Closer }).Close", goroutine.CloseOf(struct{ io.Closer }{}))
}

// line returns the number of the line on which its caller was called.
func line() int {
	_, _, n, _ := runtime.Caller(2)
	return n
}

func TestCallerOf_IsTheUsersCall(t *testing.T) {
	at := func(pc uintptr) runtime.Frame {
		f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
		return f
	}
	here := func(pc uintptr) {
		f := at(pc)
		require.Contains(t, f.Function, "TestCallerOf_IsTheUsersCall")
		require.Equal(t, line(), f.Line)
	}
	direct := func() uintptr { return goroutine.CallerOf(0) }
	here(direct())
	here(goroutine.UserCall())
	here(goroutine.ByLibrary())
}
