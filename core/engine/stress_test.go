package engine_test

import (
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/transaction"
)

// Many goroutines share an engine and a counter: each increment counts, and no version is lost or
// given twice. The mutex is the lock of a host: what it protects is shown to no other transaction
// while a commit is applied.
func TestConcurrentUse(t *testing.T) {
	const workers, rounds, object, key = 8, 200, 7, 16
	e := open(t, engine.Options{})
	p := register(t, e, "p", nil, []string{"domain.a"})
	var (
		wait    sync.WaitGroup
		mu      sync.Mutex // protects what follows
		counter int
		seen    = make(map[uint64]bool)
	)
	// So full that wherever the search begins, it finds.
	full := slices.Repeat([]transaction.Read{{Object: object, Key: key}, {Object: object}}, 4)
	round := func(i, lost int) bool {
		mu.Lock()
		defer mu.Unlock()
		run, err := e.Begin(p, 0, transaction.Start{Lost: lost})
		if !assert.NoError(t, err) || run.Step == transaction.Wait {
			return err != nil
		}
		reads := &transaction.Reads{Slots: full, Seen: e.Version()}
		value := counter
		mu.Unlock()
		runtime.Gosched()
		mu.Lock()
		if i%3 == 0 {
			inner, _ := e.Begin(p, run.Tx, transaction.Start{})
			_, _ = e.Finish(inner.Tx, transaction.Undeclared, nil, reads)
		}
		shape := at(t, e, run.Root, "domain.a")
		log := []transaction.Record{{Op: transaction.Set, Shape: uint32(shape.ID), Object: object, Key: key}}
		if i%2 == 0 {
			log[0].Flags = transaction.Foreign
		}
		next, err := e.Finish(run.Tx, transaction.Returned, log, reads)
		for err == nil && next.Step == transaction.Wait {
			mu.Unlock()
			runtime.Gosched()
			mu.Lock()
			next, err = e.Finish(run.Tx, transaction.Returned, log, reads)
		}
		if err == nil && next.Step == transaction.Apply {
			next, err = e.Applied(run.Tx, true)
		}
		if !assert.NoError(t, err) || next.Step == transaction.Again {
			return err != nil
		}
		assert.False(t, seen[next.Version], "version %d was given twice", next.Version)
		seen[next.Version] = true
		counter = value + 1
		return true
	}
	for range workers {
		wait.Go(func() {
			for i := range rounds {
				for lost := 0; !round(i, lost); lost++ {
					runtime.Gosched()
				}
			}
		})
	}
	wait.Wait()
	require.Equal(t, workers*rounds, counter)
	require.EqualValues(t, workers*rounds, e.Version())
	require.Len(t, seen, workers*rounds)
	stats := e.Stats()
	require.EqualValues(t, workers*rounds, stats.Commits)
}

// Closing an engine under those who use it ends their work with an error, never otherwise.
func TestCloseWhileUsed(t *testing.T) {
	e, err := engine.New(engine.Options{})
	require.NoError(t, err)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for {
				run, err := e.Begin(engine.Edit, 0, transaction.Start{})
				if err == nil && run.Step == transaction.Run {
					_, err = e.Finish(run.Tx, transaction.Returned, nil, alone(e))
				}
				if err != nil {
					return
				}
				runtime.Gosched()
			}
		})
	}
	_, err = e.Close()
	require.NoError(t, err)
	wait.Wait()
	require.Zero(t, e.Open())
}
