package flux_test

import (
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
