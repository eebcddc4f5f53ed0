package engine_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/transaction"
)

// Many goroutines share an engine: one is in charge at a time, no version is lost or given twice.
func TestConcurrentUse(t *testing.T) {
	const workers, rounds = 8, 200
	e := open(t, engine.Options{})
	p := register(t, e, "p", nil, []string{"domain.a"})
	var (
		wait    sync.WaitGroup
		mu      sync.Mutex // protects versions
		seen    = make(map[uint64]bool)
		charged int // protected by being in charge: the race detector objects if two are
	)
	for range workers {
		wait.Go(func() {
			for i := range rounds {
				run, err := e.Begin(p, 0)
				for err == nil && run.Step == transaction.Wait {
					runtime.Gosched()
					run, err = e.Begin(p, 0)
				}
				if err != nil {
					t.Error(err)
					return
				}
				charged++
				shape := at(t, e, run.Root, "domain.a")
				log := []transaction.Record{{Op: transaction.Set, Shape: uint32(shape.ID)}}
				if i%3 == 0 {
					inner, _ := e.Begin(p, run.Tx)
					_, _ = e.Finish(inner.Tx, transaction.Undeclared, nil)
				}
				if i%2 == 0 {
					log[0].Flags = transaction.Foreign
				}
				next, err := e.Finish(run.Tx, transaction.Returned, log)
				if err == nil && next.Step == transaction.Apply {
					next, err = e.Applied(run.Tx, true)
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[next.Version] {
					t.Errorf("version %d was given twice", next.Version)
				}
				seen[next.Version] = true
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	require.Equal(t, workers*rounds, charged)
	require.EqualValues(t, workers*rounds, e.Version())
	require.Len(t, seen, workers*rounds)
}

// Closing an engine under those who use it ends their work with an error, never otherwise.
func TestCloseWhileUsed(t *testing.T) {
	e, err := engine.New(engine.Options{})
	require.NoError(t, err)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for {
				run, err := e.Begin(engine.Edit, 0)
				if err == nil && run.Step == transaction.Run {
					_, err = e.Finish(run.Tx, transaction.Returned, nil)
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
