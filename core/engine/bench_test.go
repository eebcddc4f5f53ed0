package engine_test

import (
	"testing"

	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/transaction"
)

// BenchmarkCall is what the kernel adds to a process: begin and finish, without the crossings.
func BenchmarkCall(b *testing.B) {
	for name, writes := range map[string]int{"empty": 0, "1 write": 1, "100 writes": 100} {
		b.Run(name, func(b *testing.B) {
			e := open(b, engine.Options{})
			p := register(b, e, "p", nil, []string{"domain.a"})
			run := begin(b, e, p, 0)
			log := make([]transaction.Record, writes)
			for i := range log {
				log[i] = transaction.Record{Op: transaction.Set, Shape: uint32(at(b, e, run.Root, "domain.a").ID)}
			}
			finish(b, e, run.Tx)
			b.ReportAllocs()
			for b.Loop() {
				run, _ := e.Begin(p, 0, transaction.Start{})
				_, _ = e.Finish(run.Tx, transaction.Returned, log, alone(e))
			}
		})
	}
}

// BenchmarkSavepoint is the same for a process inside another.
func BenchmarkSavepoint(b *testing.B) {
	e := open(b, engine.Options{})
	p := register(b, e, "p", nil, []string{"domain.a"})
	q := register(b, e, "q", nil, []string{"domain"})
	outer := begin(b, e, p, 0)
	b.ReportAllocs()
	for b.Loop() {
		run, _ := e.Begin(q, outer.Tx, transaction.Start{})
		_, _ = e.Finish(run.Tx, transaction.Returned, nil, alone(e))
	}
	finish(b, e, outer.Tx)
}
