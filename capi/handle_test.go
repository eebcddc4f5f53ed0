package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/transaction"
)

// A handle is far from any number a program is likely to pass by mistake, and says what it is.
func TestHandles(t *testing.T) {
	a, err := open(engine.Options{})
	require.NoError(t, err)
	b, err := open(engine.Options{})
	require.NoError(t, err)
	require.Greater(t, a, uint64(math.MaxUint32))
	require.NotEqual(t, indexOf(a), indexOf(b))
	require.Equal(t, 2, live())

	run, err := table.entries[indexOf(b)].Load().engine.Begin(engine.Edit, 0, transaction.Start{})
	require.NoError(t, err)
	tx := txHandle(b, run.Tx)
	require.Equal(t, run.Tx, txID(tx))
	require.Equal(t, 3, live())
	for _, wrong := range []uint64{0, 1, a, math.MaxUint64} {
		_, err = find(transacted, wrong)
		require.ErrorIs(t, err, fault.Closed)
	}
	_, err = find(anEngine, tx)
	require.ErrorIs(t, err, fault.Closed)
	_, err = innerID(a, tx)
	require.ErrorIs(t, err, fault.Closed)
	id, err := innerID(b, tx)
	require.NoError(t, err)
	require.Equal(t, run.Tx, id)
	require.NoError(t, shut(a))
	require.NoError(t, shut(b))
	require.Zero(t, live())
}

// A place in the table is used again; the handles of what was there are not.
func TestStaleHandles(t *testing.T) {
	engines := map[uint64]bool{}
	transactions := map[uint64]bool{}
	for range 1000 {
		handle, err := open(engine.Options{})
		require.NoError(t, err)
		require.False(t, engines[handle])
		engines[handle] = true
		e, err := find(anEngine, handle)
		require.NoError(t, err)
		run, err := e.engine.Begin(engine.Edit, 0, transaction.Start{})
		require.NoError(t, err)
		tx := txHandle(handle, run.Tx)
		require.False(t, transactions[tx])
		transactions[tx] = true
		require.NoError(t, shut(handle))
		require.ErrorIs(t, shut(handle), fault.Closed)
	}
	require.Zero(t, live())
}

// The number of open engines has a bound, and closing one makes room.
func TestTableIsBounded(t *testing.T) {
	handles := make([]uint64, maxEngines)
	for i := range handles {
		var err error
		handles[i], err = open(engine.Options{})
		require.NoError(t, err)
	}
	_, err := open(engine.Options{})
	require.ErrorIs(t, err, fault.Limit)
	for _, handle := range handles {
		require.NoError(t, shut(handle))
	}
	require.Zero(t, live())
}

// A poisoned engine refuses work and can be closed.
func TestPoison(t *testing.T) {
	handle, err := open(engine.Options{})
	require.NoError(t, err)
	status := call(anEngine, handle, nil, func(*engine.Engine) error {
		var log []transaction.Record
		_ = log[len(log)]
		return nil
	})
	require.EqualValues(t, fault.Panic, status)
	status = call(anEngine, handle, nil, func(*engine.Engine) error { return nil })
	require.EqualValues(t, fault.Poisoned, status)
	require.NoError(t, shut(handle))
	require.Zero(t, live())
}

// The text of a panic has what a report needs: the cause, the build, and where it happened.
func TestPanicText(t *testing.T) {
	var text string
	func() {
		defer func() { text = panicked(recover()).(*fault.Error).Text }()
		panic("the cause")
	}()
	require.Contains(t, text, "panicked: the cause")
	require.Contains(t, text, "built as:")
	require.Contains(t, text, "TestPanicText")
	require.NotContains(t, text, "runtime.gopanic")
}
