package engine_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/host/hosttest"
)

// The scripts of testdata are the specification: what they show is what happens. Run with
// -rewrite to write down what does, then read the difference.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			e := open(t, engine.Options{MaxDepth: 4})
			h := hosttest.New(e)
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				out, err := directive(e, h, d)
				var f *fault.Error
				if errors.As(err, &f) {
					out = "error: " + f.Text
				} else if err != nil {
					out = "error: " + err.Error()
				}
				require.Zero(t, h.Lent(), "%s: a reference is still lent", d.Pos)
				require.Zero(t, e.Open(), "%s: a transaction is still open", d.Pos)
				return strings.TrimSuffix(out, "\n") + "\n"
			})
		})
	}
}

func directive(e *engine.Engine, h *hosttest.Host, d *datadriven.TestData) (string, error) {
	name := value(d, "name")
	switch d.Cmd {
	case "context":
		for line := range strings.Lines(d.Input) {
			line, setter := strings.CutSuffix(strings.TrimSpace(line), " setter")
			where, value, _ := strings.Cut(line, " ")
			if err := h.Put(where, value, setter); err != nil {
				return "", err
			}
		}
		return "ok", nil
	case "process":
		return "ok", h.Register(contract.Contract{
			Name:    name,
			Inputs:  list(d, "inputs"),
			Outputs: list(d, "outputs"),
		}, list(d, "errors"))
	case "execute":
		fail, _ := strconv.Atoi(value(d, "fail"))
		return h.Execute(name, d.Input, fail)
	case "decide":
		var out strings.Builder
		for line := range strings.Lines(d.Input) {
			where := strings.TrimSpace(line)
			may, err := h.Decide(name, where)
			if err != nil {
				return out.String(), err
			}
			out.WriteString(where + ": " + may + "\n")
		}
		return out.String(), nil
	case "state":
		lines := append(h.State(), "version "+strconv.FormatUint(e.Version(), 10))
		return strings.Join(lines, "\n"), nil
	default:
		return "", fmt.Errorf("%q is no directive", d.Cmd)
	}
}

// list gives the values of an argument.
func list(d *datadriven.TestData, key string) []string {
	arg, _ := d.Arg(key)
	return arg.Vals
}

// value gives the only value of an argument, "" if there is none.
func value(d *datadriven.TestData, key string) string {
	return strings.Join(list(d, key), " ")
}
