package flux_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/flux"
)

// What is certain to be read is asked for at once; what is not, when evaluation gets there; and
// nothing is asked for that Python would not read.
func TestPull(t *testing.T) {
	for text, want := range map[string]string{
		"domain.counter < global_ctx.limit":                   "get domain_ctx.counter, get global_ctx.limit",
		"domain.none is not None and domain.none.x > 1":       "get domain_ctx.none",
		"domain.flag or domain.missing":                       "get domain_ctx.flag",
		"domain.off if domain.flag else domain.missing":       "get domain_ctx.flag, get domain_ctx.off",
		"domain.zero < domain.counter < domain.neg < ctx.no":  "get domain_ctx.zero, get domain_ctx.counter, get domain_ctx.neg",
		"domain.items[domain.counter - 1]":                    "get domain_ctx.counter, get domain_ctx.items[2]",
		"ctx.domain.matrix[domain.zero][-1]":                  "get domain_ctx.zero, get domain_ctx.matrix[0][-1]",
		"len(domain.items)":                                   "get domain_ctx.items",
		"not domain.items":                                    "get domain_ctx.items",
		"sum(domain.items)":                                   "items domain_ctx.items",
		"'k' in domain.d":                                     "has domain_ctx.d 'k'",
		"domain.d['a.b']":                                     `get domain_ctx.d["a.b"]`,
		"domain.counter == domain.counter == domain.counter":  "get domain_ctx.counter",
		"any(x > 1 for x in domain.items) and domain.flag":    "items domain_ctx.items, get domain_ctx.flag",
		"domain.name.lower() == 'alice'":                      "get domain_ctx.name",
		"domain.items == [1, 2, 3]":                           "get domain_ctx.items, items domain_ctx.items",
		"[r.id for r in domain.rows if r.name == 'two'] != 3": "items domain_ctx.rows, get domain_ctx.rows[0].name, get domain_ctx.rows[1].name, get domain_ctx.rows[1].id",
	} {
		h := open(t)
		c, err := flux.Compile(text)
		require.NoError(t, err)
		_, failed := h.evaluate(c)
		require.Nil(t, failed, text)
		require.Equal(t, want, strings.Join(h.asked, ", "), text)
	}
}

// The middle of a chain is evaluated once.
func TestChain(t *testing.T) {
	c, err := flux.Compile("0 < max(domain.items) < 5 < domain.x")
	require.NoError(t, err)
	h := open(t)
	_, failed := h.evaluate(c)
	require.Equal(t, "AttributeError", failed.Class())
	require.Equal(t, []string{"items domain_ctx.items", "get domain_ctx.x"}, h.asked)
}

// A loop over many objects takes few rounds.
func TestAhead(t *testing.T) {
	rows := make([]any, 1000)
	for i := range rows {
		rows[i] = object{"ok": true}
	}
	h := &host{state: object{"domain_ctx": object{"rows": rows}}}
	c, err := flux.Compile("all(r.ok for r in domain.rows)")
	require.NoError(t, err)
	e, rounds := c.Start(), 0
	for readings := []flux.Reading(nil); ; rounds++ {
		v, needs, failed := e.Step(readings)
		require.Nil(t, failed)
		if len(needs) == 0 {
			require.True(t, v.Truth())
			break
		}
		readings = h.read(needs)
	}
	require.Less(t, rounds, 20)
	require.Len(t, h.asked, 1001)
}

// A condition is compiled once and evaluated by any number of goroutines.
func TestConcurrent(t *testing.T) {
	h := open(t)
	c, err := flux.Compile("sum(x * 2 for x in domain.items) + domain.d['k'] == 13 and domain.name[0] == 'A'")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			h := &host{state: h.state}
			for range 200 {
				if v, failed := h.evaluate(c); failed != nil || !v.Truth() {
					t.Errorf("%v %v", v, failed)
				}
			}
		})
	}
	wg.Wait()
}

// The failure of a host passes through unchanged but for its text, which shows the condition.
func TestHostFailure(t *testing.T) {
	c, err := flux.Compile("domain.counter > 1 and\n domain.nested.zz")
	require.NoError(t, err)
	_, failed := open(t).evaluate(c)
	require.Equal(t, &flux.Failure{Names: []string{"AttributeError", "Exception"}, Token: 7,
		Text: "no attribute 'zz'\n   domain.nested.zz\n                 ^"}, failed)
}

// A file ten times as long takes ten times as much: so many allocations, and so many bytes of them.
// BenchmarkLoad measures the time.
func TestLoadLinear(t *testing.T) {
	cost := func(n int) (allocations, bytes float64) {
		text := file(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		load(t, text)
		runtime.ReadMemStats(&after)
		return float64(after.Mallocs - before.Mallocs), float64(after.TotalAlloc - before.TotalAlloc)
	}
	cost(1_000) // what is made once
	short, small := cost(1_000)
	long, large := cost(10_000)
	require.Less(t, long, 11*short)
	require.Less(t, large, 12*small)
}
