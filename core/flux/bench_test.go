package flux_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/flux"
)

// One evaluation, its one pull included; and one that starts again for a value it could not foresee.
func BenchmarkCondition(b *testing.B) {
	h := open(b)
	for _, text := range []string{"domain.counter < 5", "domain.counter < 5 and len(domain.items) > 0 and 'z' not in domain.tags"} {
		c, err := flux.Compile(text)
		require.NoError(b, err)
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.asked = h.asked[:0]
				if _, failed := h.evaluate(c); failed != nil {
					b.Fatal(failed)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := flux.Compile("domain.counter < 5 and len(domain.items) > 0 and 'z' not in domain.tags"); err != nil {
			b.Fatal(err)
		}
	}
}

// file makes a workflow of n steps, a tenth of them with conditions.
func file(n int) []byte {
	var b strings.Builder
	b.WriteString("steps:\n")
	for i := range n {
		if i%10 == 0 {
			fmt.Fprintf(&b, "  - {flux: if, condition: domain.x > %d, then: tick}\n", i)
		} else {
			fmt.Fprintf(&b, "  - {process: tick, args: {n: %d}}\n", i)
		}
	}
	return []byte(b.String())
}

func load(t testing.TB, text []byte) *flux.Program {
	w := newWorld()
	w.processes["tick"] = &process{args: []string{"n"}}
	p, err := flux.Load(flux.Source{Name: "long.yaml", Text: text}, flux.Surroundings{Processes: w})
	require.NoError(t, err)
	return p
}

// The time to load a file is linear in its size.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		text := file(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				load(b, text)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/step")
		})
	}
}

// One turn of a loop: a condition on one field, and an empty process.
func BenchmarkLoop(b *testing.B) {
	w := newWorld()
	w.processes["tick"] = &process{}
	p, err := flux.Load(flux.Source{Name: "loop", Text: []byte(`[{flux: while, condition: domain.x < 3, do: tick}]`)}, flux.Surroundings{Processes: w})
	require.NoError(b, err)
	r := p.Start(flux.Options{MaxLoops: 1 << 40})
	reading := []flux.Reading{{Value: flux.Int(1)}}
	b.ReportAllocs()
	r.Step(flux.Answer{})
	for act := r.Step(flux.Answer{Readings: reading}); b.Loop(); { // the reading comes with the answer: one step is one turn
		if act.Do != flux.DoRun {
			b.Fatal(act.Failure)
		}
		act = r.Step(flux.Answer{Readings: reading})
	}
}
