package scope

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrors_TheTextHasALineForEachOfTheFirstTenAndACount(t *testing.T) {
	for _, n := range []int{2, 10, 11, 30} {
		s := New("s", Config{})
		var want []string
		for i := range n {
			s.NewChild("child", Config{}).Own(closer(func() error { return fmt.Errorf("close %d", i) }))
			if n-1-i < 10 {
				want = append([]string{fmt.Sprint("close ", i)}, want...)
			}
		}
		if n > 10 {
			want = append(want, fmt.Sprintf("and %d more", n-10))
		}
		err := s.Destroy()
		require.EqualError(t, err, strings.Join(want, "\n"))
		var all *Errors
		require.ErrorAs(t, err, &all)
		require.Len(t, all.Unwrap(), n)
	}
}

func TestErrors_ThoseAfterTheEndAreKeptUpToABoundAndCounted(t *testing.T) {
	s := New("s", Config{})
	require.NoError(t, s.Destroy())
	last := errors.New("last")
	for i := range maxLate + 5 {
		if i == maxLate-1 {
			s.Own(closer(func() error { return last }))
		} else {
			s.Own(closer(func() error { return errors.New("x") }))
		}
	}
	err := s.Err()
	require.ErrorIs(t, err, last)
	require.True(t, strings.HasSuffix(err.Error(), fmt.Sprintf("\nand %d more", maxLate+5-10)), err.Error())
}

// An error that comes too late for the first Destroy is part of what later ones
// return, however little there was to do for the first.
func TestErrors_ALateClosersGoesUpToAScopeThatWasIdle(t *testing.T) {
	late := errors.New("late")
	s := New("s", Config{})
	require.NoError(t, s.Destroy())
	s.NewChild("child", Config{}).Own(closer(func() error { return late }))
	require.ErrorIs(t, s.Destroy(), late)
}
