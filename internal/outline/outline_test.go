package outline

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether/internal/scope"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// arrange returns the lines as text: what is in one line without a space between.
func arrange(all string) (lines, rest string) {
	groups, left := Of(strings.Split(all, ""), func(s string) string { return s })
	for _, g := range groups {
		lines += strings.Join(g, "") + " "
	}
	return strings.TrimSpace(lines), strings.Join(left, "")
}

func TestOutline_MoreThanThreeOfAKindAreOneLine(t *testing.T) {
	for all, want := range map[string]string{
		"a":          "a",
		"aaa":        "a a a",
		"aaaa":       "aaaa",
		"abababa":    "aaaa b b b",
		"zxzxyzzy":   "zzzz x x y y",
		"aaaaabbbbb": "aaaaa bbbbb",
	} {
		lines, rest := arrange(all)
		require.Equal(t, want, lines, all)
		require.Empty(t, rest, all)
	}
	lines, rest := Of(nil, func(s string) string { return s })
	require.Empty(t, lines)
	require.Empty(t, rest)
}

func TestOutline_MoreThanTwentyKindsLeaveARest(t *testing.T) {
	const twentyOne = "abcdefghijklmnopqrstu"
	lines, rest := arrange(twentyOne)
	require.Equal(t, strings.Join(strings.Split(twentyOne, ""), " "), lines, "one more is shown, as its line would be taken by a rest")
	require.Empty(t, rest)
	lines, rest = arrange("uvwvvvvvaaaa" + twentyOne + "z")
	require.Equal(t, "u u vvvvvv w aaaaa b c d e f g h i j k l m n o p q", lines)
	require.Equal(t, "rstz", rest, "those that came last, the big groups and the small ones")
}

func TestOutline_DigitsAreFolded(t *testing.T) {
	for name, want := range map[string]string{
		"": "", "app": "app", "7": "#", "player-17": "player-#", "1.2.3.4:80": "#.#.#.#:#", "a1b22": "a#b#", "٣": "٣",
	} {
		require.Equal(t, want, Fold(name), name)
	}
}

func TestOutline_ASumSaysWhatOwnersHoldTogether(t *testing.T) {
	app := scope.New("app", scope.Config{})
	one, two := app.NewChild("one", scope.Config{}), app.NewChild("two", scope.Config{})
	require.Equal(t, "", Sum([]*scope.Scope{one, two}))
	one.Defer(func() {})
	one.NewChild("below", scope.Config{}).Defer(func() {})
	two.Defer(func() {})
	require.Equal(t, ": 1 owner, 3 cleanups", Sum([]*scope.Scope{one, two}))
	require.NoError(t, two.Destroy())
	require.Equal(t, ": 1 owner, 2 cleanups, 1 dead", Sum([]*scope.Scope{one, two}), "one that has ended holds nothing")
	require.NoError(t, app.Destroy())
	require.Equal(t, "", Sum(nil))
}

//go:noinline
func caller() uintptr {
	var pc [1]uintptr
	runtime.Callers(2, pc[:])
	return pc[0]
}

func one() uintptr { return caller() } // inlined where it is called

func TestOutline_KeysTellOwnersApartByCallAndFoldedName(t *testing.T) {
	require.Equal(t, MakeKey(one(), "p1"), MakeKey(one(), "p22"), "what one line has made")
	require.Equal(t, MakeKey(0, "p1"), MakeKey(0, "p22"))
	require.NotEqual(t, MakeKey(caller(), "p1"), MakeKey(one(), "p1"))
	require.NotEqual(t, MakeKey(one(), "p1"), MakeKey(one(), "q1"))
	pc := one()
	app := scope.New("app7", scope.Config{Site: pc})
	require.Equal(t, MakeKey(pc, "app1"), KeyOf(app))
	require.NoError(t, app.Destroy())
}
