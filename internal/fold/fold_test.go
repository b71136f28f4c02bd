package fold

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDigits_EveryRunBecomesOneSign(t *testing.T) {
	for name, want := range map[string]string{
		"": "", "app": "app", "7": "#", "player-17": "player-#", "17-players-4": "#-players-#",
		"a1b22c333": "a#b#c#", "é9": "é#", "\xff0\xff": "\xff#\xff", "#": "#", "/:": "/:",
	} {
		require.Equal(t, want, Name(name), "Name(%q)", name)
		require.Equal(t, "x"+want, string(Append([]byte("x"), name)), "Append of %q", name)
	}
}

func TestDigits_ANameWithoutIsNotCopied(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { Name("lobby") }))
}
