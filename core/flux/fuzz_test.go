package flux_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/flux"
)

// injections are what people try. None may be accepted, nor do more than cost a moment.
var injections = []string{
	`__import__('os').system('true')`, `().__class__.__bases__[0].__subclasses__()`, `domain.__class__`, `domain.__dict__`,
	`domain._private`, `ctx['__class__'].x.__y__`, `(lambda: 1)()`, `lambda x: x`, `f'{domain}'`, `F"{1}"`, `rf'{1}'`, `b'x'`,
	`'{0.__class__}'.format(domain)`, `'{}'.format_map({})`, `'%s' % domain.name`, `'%(x)s' % domain.d`, `getattr(domain, 'x')`,
	`eval('1')`, `exec('1')`, `open('/etc/passwd')`, `compile('1', '', 'eval')`, `globals()`, `locals()`, `vars()`, `dir()`,
	`type(domain)`, `print(1)`, `input()`, `breakpoint()`, `len.__call__(1)`, `len`, `@env`, `$x`, `@get(0)`, `(n := 3)`, `x = 1`,
	`import os`, `del domain.x`, `yield 1`, `await x`, `domain.items.append(1)`, `domain.d.update({})`, `domain.d.pop('k')`,
	`domain.items.sort()`, `[].__init__`, `domain.name.encode()`, `1 if 1 else`, `[*domain.items]`, `{**domain.d}`, `max(*domain.items)`,
	`sorted(domain.items, key=len)`, `max(domain.items, key=len)`, `[x for x in domain.items for domain in x]`, `[__x for __x in [1]]`,
	`any(len for len in [1])(2)`, `[len for len in [1]][0]()`, `domain.rows[0]()`, `"\N{BULLET}"`, "1\x00", "\xff", `Ellipsis`, `...`,
	`domain.name.__len__()`, `while True: pass`, `1; 2`, `domain.items[1, 2]`, `print`, `True()`, `None.x()`, `"".x`, `1 .real`,
	`9**9**9`, `2**100000`, `1 << 100000`, `(1 << 30000) * (1 << 30000)`, `'a' * 10000000000`, `[0] * 60000000`, `(0,) * 10**10`,
	`list(range(20000000))`, `('a' * 10000000).replace('a', 'b' * 90)`, `('a' * 10000000).join(['', '', '', ''])`,
	`[0 for a in range(10**9)]`, `[[0 for a in range(10**6)] for b in range(10**6)]`, `sum(a for a in range(10**12))`,
	`any(False for a in range(10**12))`, `all(True for a in range(10**6) for b in range(10**6))`, `('a' * 10**7) + ('a' * 10**7)`,
	`sorted(list(range(1000000)) * 100)`, `str(2 ** 30000)`, `int('9' * 5000)`, `max(range(10**12))`, `set(range(10**9))`,
	`list(zip(range(10**9), range(10**9)))`, `list(enumerate(range(10**9)))`, `10**9 in [a for a in range(10**9)]`,
	`[x for x in 'a' * 10**9]`, `('ab' * 10**6).split('a') != 0 and [y for y in ('ab' * 10**6).split('a') for z in ('ab' * 10**6)]`,
	`('a ' * 7000000).split()[0] != [('a ' * 7000000).strip('b' * 100) for x in range(100)]`,
}

// A condition can reach nothing but the state and call nothing but the language, and what would cost
// more than a moment fails on the bounds of its work: each of these fails.
func TestInjection(t *testing.T) {
	h := open(t)
	for _, text := range injections {
		c, err := flux.Compile(text)
		if err == nil {
			v, failed := h.evaluate(c)
			require.NotNil(t, failed, "%s gives %s", text, v)
		} else {
			require.ErrorIs(t, err, fault.Invalid)
		}
	}
}

// What people nest is refused before it fills the stack.
func TestNesting(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("(", 5000), strings.Repeat("[", 5000), strings.Repeat("not ", 2000) + "1", strings.Repeat("-", 9000) + "1",
		strings.Repeat("1 if 1 else ", 800) + "1", "[" + strings.Repeat("[0 for a in ", 500) + "[1]" + strings.Repeat("]", 500) + "]",
		"[0" + strings.Repeat(" for a in [1]", 700) + "]", strings.Repeat("2**", 3000) + "1", strings.Repeat("len(", 2000) + "1" + strings.Repeat(")", 2000),
		strings.Repeat("domain.items[", 700) + "0" + strings.Repeat("]", 700),
	} {
		_, err := flux.Compile(text)
		require.ErrorIs(t, err, fault.Invalid, "%.40s", text)
	}
	h := open(t)
	for text, want := range map[string]string{
		"1" + strings.Repeat(" + 1", 2000):                      "2001",
		strings.Repeat("1 and ", 1500) + "2":                    "2",
		"1" + strings.Repeat(" <= 1", 1000):                     "True",
		"0" + strings.Repeat(" or 0", 1500):                     "0",
		"[" + strings.Repeat("1,", 3000) + "][-1]":              "1",
		"max(" + strings.Repeat("1,", 200) + "2)":               "2",
		"domain.nested" + strings.Repeat(".a", 1) + ".b":        "5",
		strings.Repeat("(", 90) + "7" + strings.Repeat(")", 90): "7",
	} {
		c, err := flux.Compile(text)
		require.NoError(t, err, "%.40s", text)
		v, failed := h.evaluate(c)
		require.Nil(t, failed, "%.40s: %v", text, failed)
		require.Equal(t, want, v.String(), "%.40s", text)
	}
}

// No text makes the translator panic or hang; what it accepts can be evaluated, in bounded work.
func FuzzCondition(f *testing.F) {
	for _, text := range injections {
		f.Add(text)
	}
	table, err := os.ReadFile("testdata/conditions.tsv")
	require.NoError(f, err)
	for i, line := range strings.Split(string(table), "\n") {
		if text, _, ok := strings.Cut(line, "\t"); ok && i%5 == 0 {
			f.Add(text)
		}
	}
	h := open(f)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := flux.Compile(text, "x")
		if err != nil {
			require.ErrorIs(t, err, fault.Invalid)
			return
		}
		h := &host{state: h.state}
		v, failed := h.evaluate(c, flux.Text("it"))
		if failed == nil {
			_ = v.String()
			again, _ := h.evaluate(c, flux.Text("it"))
			require.Equal(t, v.String(), again.String(), "the same condition on the same state")
		} else {
			require.NotEmpty(t, failed.Text)
		}
	})
}

// No text makes the parser panic or hang; what it accepts runs to its end in bounded work.
func FuzzWorkflow(f *testing.F) {
	scripts, err := filepath.Glob("testdata/*.txt")
	require.NoError(f, err)
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		for _, part := range strings.Split(string(text), "\n\n") {
			if head, body, _ := strings.Cut(part, "\n"); strings.Contains(head, "name=") {
				input, _, _ := strings.Cut(body, "----")
				f.Add(input, strings.Contains(head, "dict"))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string, dict bool) {
		w := newWorld()
		for _, name := range []string{"soak", "tick", "ok", "log"} {
			w.processes[name] = &process{args: []string{"*"}}
		}
		p, err := flux.Load(flux.Source{Name: "fuzz", Text: []byte(text), Dict: dict}, flux.Surroundings{Processes: w, Contracts: w, Files: w})
		if err != nil {
			var report flux.Report
			require.ErrorIs(t, err, fault.Invalid)
			require.True(t, errors.As(err, &report) && len(report) > 0)
			return
		}
		steps := 0
		exhaust(t, p.Start(flux.Options{MaxLoops: 20}), &steps)
	})
}

// exhaust drives a run to its end: every value is None, and every third process fails.
func exhaust(t *testing.T, r *flux.Run, steps *int) {
	var answer flux.Answer
	for {
		act := r.Step(answer)
		answer = flux.Answer{Readings: make([]flux.Reading, len(act.Needs))}
		if *steps++; act.Do == flux.DoRun && *steps%3 == 0 {
			answer.Failure = &flux.Failure{Names: []string{"ValueError", "Exception"}, Text: "no"}
		}
		if *steps == 5000 { // a file may have any number of steps
			r.Cancel()
		}
		for _, b := range act.Branches {
			exhaust(t, b, steps)
		}
		if act.Do == flux.DoDone || act.Do == flux.DoFail {
			return
		}
	}
}
