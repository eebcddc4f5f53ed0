package registry_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/registry"
)

// The newest process of a name is found; whoever holds an older one keeps it.
func TestNewestWins(t *testing.T) {
	r := registry.New()
	older, newer := contract.Everything("debit"), contract.Everything("debit")
	first, second := r.Add(older), r.Add(newer)

	found, err := r.Find("debit")
	require.NoError(t, err)
	require.Equal(t, second, found)
	got, ok := r.Get(first)
	require.True(t, ok)
	require.Same(t, older, got)
	require.Equal(t, []string{"debit"}, r.Names())
}

// An unknown name fails with the words users match, and with the nearest name.
func TestNotFound(t *testing.T) {
	r := registry.New()
	_, err := r.Find("debit")
	require.EqualError(t, err, "Process 'debit' not found; register it first")

	r.Add(contract.Everything("credit"))
	r.Add(contract.Everything("debit"))
	_, err = r.Find("debbit")
	require.ErrorIs(t, err, fault.NotFound)
	require.EqualError(t, err, "Process 'debbit' not found; did you mean 'debit'?")
	f, ok := errors.AsType[*fault.Error](err)
	require.True(t, ok)
	require.Equal(t, []string{"debbit", "debit"}, []string{f.Process, f.Nearest})
}

// 0 and numbers that were never given are no processes.
func TestGetUnknown(t *testing.T) {
	r := registry.New()
	for _, id := range []registry.ID{0, 1, 1<<32 - 1} {
		_, ok := r.Get(id)
		require.False(t, ok)
	}
}

// Any number of goroutines may use a registry at once.
func TestConcurrent(t *testing.T) {
	r := registry.New()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				id := r.Add(contract.Everything("p"))
				_, ok := r.Get(id)
				found, err := r.Find("p")
				if !ok || err != nil || found < id {
					t.Errorf("lost process %d: found %d, %v", id, found, err)
				}
			}
		})
	}
	all.Wait()
}
