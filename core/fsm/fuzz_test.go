package fsm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/flux"
	"github.com/theus-project/theus/core/fsm"
)

// No file and no dict makes the checker panic; what is refused says where, and what is accepted
// begins in one of its states and leads nowhere else.
func FuzzLoad(f *testing.F) {
	script, err := os.ReadFile("testdata/load.txt")
	require.NoError(f, err)
	for _, part := range strings.Split(string(script), "\n\n") {
		_, text, _ := strings.Cut(part, "\n")
		text, _, _ = strings.Cut(text, "----")
		f.Add(text, "", strings.HasPrefix(text, "{"))
		f.Add(text, "A", false)
	}
	f.Fuzz(func(t *testing.T, text, start string, dict bool) {
		m, err := fsm.Load(flux.Source{Name: "m", Text: []byte(text), Dict: dict}, start, known)
		if err != nil {
			var fail *fault.Error
			require.True(t, errors.As(err, &fail))
			require.Equal(t, fault.Config, fail.Kind)
			require.Regexp(t, `\bm:( |\d+:\d+: )`, fail.Text)
			return
		}
		names := make(map[string]bool)
		for _, s := range m.States {
			require.False(t, names[s.Name])
			names[s.Name] = true
		}
		require.True(t, names[m.Start])
		for _, s := range m.States {
			for _, move := range s.Moves {
				require.True(t, names[move.Target])
			}
		}
		if !strings.Contains(strings.ToLower(text), "n") { // nan and inf are Python's JSON
			require.True(t, json.Valid(m.Describe()), "%s", m.Describe())
		}
	})
}

// A large machine is checked in a time that follows its size.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		var text strings.Builder
		text.WriteString("initial: S0\nstates:\n")
		for i := range n {
			fmt.Fprintf(&text, "  S%d: {entry: soak, on: {GO: S%d, BACK: S%d}}\n", i, (i+1)%n, i/2)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				_, err := fsm.Load(flux.Source{Name: "m", Text: []byte(text.String())}, "", known)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/state")
		})
	}
}

// The programs of a machine are parts of its document: loaded by their numbers, they are steps that
// know where they stand, those of an alias where it was written first.
func TestParts(t *testing.T) {
	src := flux.Source{Name: "m.yaml", Text: []byte(`
states:
  IDLE: {entry: soak, on: {GO: BUSY}}
  BUSY:
    entry: &steps
      - soak
      - {flux: if, condition: "True", then: soak}
    on_exit: *steps
    on: {GO: IDLE}
`)}
	m, err := fsm.Load(src, "", known)
	require.NoError(t, err)
	places := func(p fsm.Program) (all []string) {
		src.Part = p.Part
		program, err := flux.Load(src, known)
		require.NoError(t, err)
		for i := range program.Steps() {
			all = append(all, program.Place(i).String())
		}
		return all
	}
	steps := []string{"m.yaml:6:9", "m.yaml:7:9", "m.yaml:7:45"}
	require.Equal(t, []string{"m.yaml:3:17"}, places(m.States[0].Entry))
	require.Equal(t, steps, places(m.States[1].Entry))
	require.Equal(t, steps, places(m.States[1].Exit))
	src.Part = 1000
	_, err = flux.Load(src, known)
	require.ErrorContains(t, err, "m.yaml: there is no part 1000 in it")
}

// A machine is described as values, in the order of the file.
func TestDescribe(t *testing.T) {
	m, err := fsm.Load(flux.Source{Name: "m.yaml", Text: []byte(
		"name: x\nstates: {IDLE: {entry: [soak, {process: soak, args: {litres: .inf}}], on: {GO: {target: IDLE, when: \"1 < 2\"}}, after: 5s -> GO}}")}, "", known)
	require.NoError(t, err)
	require.Equal(t, `{"name":"x","start":"IDLE","states":[{"name":"IDLE","place":"m.yaml:2:10",`+
		`"entry":["soak",{"process":"soak","args":{"litres":Infinity}}],"entry_places":["m.yaml:2:25","m.yaml:2:31"],"entry_part":4,"exit":[],"exit_places":[],"exit_part":0,`+
		`"moves":[{"event":"GO","target":"IDLE","when":"1 \u003c 2","place":"m.yaml:2:89"}],`+
		`"after":[{"seconds":5,"event":"GO"}]}],"processes":["soak"]}`, string(m.Describe()))
}
