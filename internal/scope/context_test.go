package scope

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestContext_AScopeThatEndsIsUnboundFromIt(t *testing.T) {
	ctx := &counted{Context: context.Background(), done: make(chan struct{})}
	s := New("s", Config{})
	s.Bind(ctx)
	require.Equal(t, 1, ctx.held)
	require.NoError(t, s.Destroy())
	require.Zero(t, ctx.held)
	s.Bind(ctx)
	require.Zero(t, ctx.held, "a dead scope is bound to nothing")
}

func TestContext_ItsCauseIsThatOfTheCutOff(t *testing.T) {
	s := New("s", Config{})
	require.NoError(t, s.Cause())
	cause := errors.New("why")
	s.Cancel(cause)
	s.Cancel(errors.New("another"))
	require.Equal(t, cause, s.Cause())
}
