package fsm_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/flux"
	"github.com/theus-project/theus/core/fsm"
)

// processes are those that scripts know; valve takes the argument litres.
type processes []string

func (p processes) Names() []string { return p }

func (p processes) Process(name string) (flux.Process, bool) {
	for _, known := range p {
		if known == name {
			return flux.Process{Arguments: []string{"litres"}}, true
		}
	}
	return flux.Process{}, false
}

var known = flux.Surroundings{Processes: processes{"open_valve", "soak", "close_valve", "notify"}}

// The scripts of testdata are the specification: what they show is what happens. Run with
// -rewrite to write down what does, then read the difference.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				src := flux.Source{Name: "m.yaml", Text: []byte(d.Input)}
				if d.Cmd == "dict" {
					src.Name, src.Dict = "machine", true
				}
				start := ""
				if d.HasArg("start") {
					d.ScanArgs(t, "start", &start)
				}
				m, err := fsm.Load(src, start, known)
				if err != nil {
					var f *fault.Error
					require.True(t, errors.As(err, &f))
					require.Equal(t, fault.Config, f.Kind)
					return f.Text + "\n"
				}
				return show(m)
			})
		})
	}
}

// show prints a machine, a line for each thing that a state has.
func show(m *fsm.Machine) string {
	var b strings.Builder
	for _, s := range m.States {
		b.WriteString(s.Name)
		if s.Name == m.Start {
			b.WriteString(" (start)")
		}
		b.WriteByte('\n')
		program(&b, "entry", s.Entry)
		program(&b, "on_exit", s.Exit)
		for _, move := range s.Moves {
			fmt.Fprintf(&b, "  %s -> %s", move.Event, move.Target)
			if move.When != "" {
				fmt.Fprintf(&b, " when %s", move.When)
			}
			b.WriteByte('\n')
		}
		for _, t := range s.After {
			fmt.Fprintf(&b, "  after %g s %s\n", t.Seconds, t.Event)
		}
	}
	return b.String()
}

func program(b *strings.Builder, word string, p fsm.Program) {
	for _, step := range p.Steps {
		fmt.Fprintf(b, "  %s %s\n", word, step.JSON())
	}
}
