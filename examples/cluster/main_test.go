package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if isLobby() {
		os.Exit(lobby())
	}
	goleak.VerifyTestMain(m)
}

func TestTheBooksBalanceThoughALobbyIsKilled(t *testing.T) {
	var out bytes.Buffer
	err := show(&out, 50)
	t.Logf("\n%s", &out)
	require.NoError(t, err)
	assert.Contains(t, out.String(), "\nthe books balance\n")
}
