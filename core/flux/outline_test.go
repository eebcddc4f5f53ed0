package flux_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/flux"
)

// An outline has every step with its place, and needs neither processes nor files.
func TestOutline(t *testing.T) {
	out, err := flux.Outline(flux.Source{Name: "w", Text: []byte(`
- read
- flux: if
  condition: domain.a
  then: [x]
  elif: {condition: domain.b, then: y}
  else: [z]
- {flux: while, condition: domain.c, do: [x]}
- {flux: for, each: domain.d, as: i, do: {process: x, args: {n: "${{ i }}"}}}
- {flux: for, each: [1, 2], as: i, do: x}
- {flux: call, workflow: other.yaml}
- {flux: try, do: x, catch: {ValueError: y}, finally: z}
- {flux: retry, times: 3, do: x}
- {flux: parallel, branches: [[x], [y]]}
- {flux: run, steps: []}
`)})
	require.NoError(t, err)
	var steps []struct {
		Do, Text, Place string
		Parts           []struct {
			Label string
			Steps []struct{ Do, Text string }
		}
	}
	require.NoError(t, json.Unmarshal(out, &steps))
	var seen []string
	for _, s := range steps {
		line := s.Do + " " + s.Text
		for _, p := range s.Parts {
			line += " | " + p.Label + ":"
			for _, inner := range p.Steps {
				line += " " + inner.Text
			}
		}
		seen = append(seen, line)
	}
	require.Equal(t, []string{
		"process read",
		"if  | domain.a: x | domain.b: y | else: z",
		"while domain.c | do: x",
		"for domain.d | do: x",
		"for each of a list | do: x",
		"call other.yaml",
		"try  | do: x | ValueError: y | finally: z",
		"retry 3 times | do: x",
		"parallel  | branch 1: x | branch 2: y",
		"run  | do:",
	}, seen)
	require.Equal(t, "w:2:3", steps[0].Place)

	_, err = flux.Outline(flux.Source{Name: "w", Text: []byte("[5]")})
	require.ErrorIs(t, err, fault.Config)
	require.ErrorContains(t, err, "a step")
}

// A document is read as a workflow is; its values come back as JSON, with the numbers of Python's.
func TestDocument(t *testing.T) {
	d := flux.Open(flux.Source{Name: "d", Text: []byte(
		"{a: [1, 2.0, .inf, -.inf, .nan, 12345678901234567890, yes, true, null, 'q\"'], b: [x, {process: x}], c: 'domain.n <', d: &d [1], e: *d}")},
		flux.Surroundings{})
	require.NoError(t, d.Err())
	fields := d.Fields(d.Root, "a document", "a", "b", "c", "d", "e")
	require.Equal(t, `[1,2.0,Infinity,-Infinity,NaN,12345678901234567890,"yes",true,null,"q\""]`, string(fields["a"].JSON()))
	require.Equal(t, []string{"x"}, d.Steps(fields["b"]))
	require.Equal(t, "[1]", string(fields["e"].JSON()))
	require.NoError(t, d.Err())
	require.Empty(t, d.Condition(fields["c"]))
	require.ErrorContains(t, d.Err(), "ends too early")
	require.Equal(t, flux.MissingNode, fields["f"].Kind())
	require.True(t, fields["f"].Empty())
	require.Equal(t, "null", string(fields["f"].JSON()))
}
