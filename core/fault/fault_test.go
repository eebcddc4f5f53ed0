package fault_test

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
)

// A failure is asked for its kind, never for its text.
func TestIs(t *testing.T) {
	var err error = &fault.Error{Kind: fault.Write, Err: io.EOF}
	require.ErrorIs(t, err, fault.Write)
	require.NotErrorIs(t, err, fault.Read)
	require.ErrorIs(t, err, io.EOF)
	require.ErrorIs(t, errors.Join(err), fault.Write)
}

// Error is one line, whatever was filled in.
func TestError(t *testing.T) {
	require.Equal(t, "first", (&fault.Error{Text: "first\n  second"}).Error())
	require.Equal(t, "why", (&fault.Error{Kind: fault.Busy, Detail: "why"}).Error())
	require.Equal(t, "kernel panic", (&fault.Error{Kind: fault.Panic}).Error())
	require.Equal(t, "7 of 3", fault.New(fault.Limit, "%d of %d", 7, 3).Error())
	require.Equal(t, "unknown fault", fault.Kind(99).Error())
}

// The numbers are part of the ABI.
func TestNumbers(t *testing.T) {
	require.EqualValues(t, 1, fault.Invalid)
	require.EqualValues(t, 14, fault.Panic)
	require.EqualValues(t, 17, fault.Config)
	for k := fault.Invalid; k <= fault.Config; k++ {
		require.NotEqual(t, "unknown fault", k.Error())
		require.NotEmpty(t, k.Error())
	}
}
