package flux_test

import (
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/flux"
	"github.com/theus-project/theus/core/path"
)

// The scripts of testdata are the specification: what they show is what happens. Run with
// -rewrite to write down what does, then read the difference.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			w := newWorld()
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				return strings.TrimSuffix(w.directive(d), "\n") + "\n"
			})
		})
	}
}

// world is what a script makes: state, processes and files.
type world struct {
	host
	processes map[string]*process
	files     map[string]string
	names     []string
	out       strings.Builder
	quiet     bool
}

// process is one of a script: what it takes, may touch and does.
type process struct {
	args            []string
	inputs, outputs []path.Path
	body            []string
	calls           int
}

func newWorld() *world {
	w := &world{processes: make(map[string]*process), files: make(map[string]string)}
	w.state = object{"domain_ctx": object{}, "global_ctx": object{}, "local": object{}}
	return w
}

func (w *world) directive(d *datadriven.TestData) string {
	name := argument(d, "name")
	switch d.Cmd {
	case "context":
		for line := range strings.Lines(d.Input) {
			where, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			v, err := decode(text)
			if err != nil {
				return "error: " + err.Error()
			}
			w.put(where, v)
		}
		return "ok"
	case "process":
		p := &process{args: arguments(d, "args")}
		for _, text := range arguments(d, "inputs") {
			p.inputs = append(p.inputs, parsePath(text))
		}
		for _, text := range arguments(d, "outputs") {
			p.outputs = append(p.outputs, parsePath(text))
		}
		if d.Input != "" {
			p.body = strings.Split(d.Input, "\n")
		}
		w.processes[name] = p
		w.names = append(w.names, name)
		return "ok"
	case "file":
		w.files[name] = d.Input
		return "ok"
	case "check", "run":
		src := flux.Source{Name: name, Text: []byte(d.Input), Dict: d.HasArg("dict")}
		w.files[name] = d.Input
		p, err := flux.Load(src, flux.Surroundings{Processes: w, Contracts: w, Files: w})
		if err != nil {
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.Invalid {
				return "error of another kind: " + err.Error()
			}
			return f.Text
		}
		if d.Cmd == "check" {
			return "ok: " + strings.Join(p.Processes(), " ")
		}
		loops, _ := strconv.Atoi(argument(d, "loops"))
		w.out.Reset()
		w.quiet = d.HasArg("quiet")
		for _, p := range w.processes {
			p.calls = 0
		}
		r := p.Start(flux.Options{MaxLoops: loops})
		cancelAt, _ := strconv.Atoi(argument(d, "cancel"))
		w.drive(r, cancelAt)
		return w.out.String()
	case "state":
		var lines []string
		for name, v := range w.state.(object)["domain_ctx"].(object) {
			lines = append(lines, "domain_ctx."+name+" "+spell(v))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	default:
		return "error: there is no directive " + d.Cmd
	}
}

func argument(d *datadriven.TestData, key string) string {
	return strings.Join(arguments(d, key), " ")
}

func arguments(d *datadriven.TestData, key string) []string {
	for _, arg := range d.CmdArgs {
		if arg.Key == key {
			return arg.Vals
		}
	}
	return nil
}

func parsePath(text string) path.Path {
	p, err := path.Parse(text)
	if err != nil {
		panic(err)
	}
	return p
}

func (w *world) put(where string, v any) {
	p := parsePath(where)
	at := w.state.(object)
	for _, seg := range p[:len(p)-1] {
		at = at[seg.Name].(object)
	}
	at[p[len(p)-1].Name] = v
}

func (w *world) Process(name string) (flux.Process, bool) {
	p, ok := w.processes[name]
	if !ok {
		return flux.Process{}, false
	}
	return flux.Process{Arguments: p.args, Open: slices.Contains(p.args, "*")}, true
}

func (w *world) Names() []string { return w.names }

func (w *world) Conflict(a, b string) (path.Path, bool) {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		for _, out := range w.processes[pair[0]].outputs {
			for _, other := range append(slices.Clone(w.processes[pair[1]].outputs), w.processes[pair[1]].inputs...) {
				if touch(out, other) {
					return out, true
				}
			}
		}
	}
	return nil, false
}

func (w *world) Writes(name string, p path.Path) bool {
	return slices.ContainsFunc(w.processes[name].outputs, func(out path.Path) bool { return touch(out, p) })
}

func touch(a, b path.Path) bool { return a.Covers(b) || b.Covers(a) || a.Leads(b) || b.Leads(a) }

func (w *world) Open(name, from string) (flux.Source, error) {
	text, ok := w.files[name]
	if !ok {
		return flux.Source{}, fmt.Errorf("there is no such file beside %s", from)
	}
	return flux.Source{Name: name, Text: []byte(text)}, nil
}

func (w *world) print(depth int, format string, args ...any) {
	if !w.quiet {
		w.out.WriteString(strings.Repeat("  ", depth))
		fmt.Fprintf(&w.out, format+"\n", args...)
	}
}

// drive carries out the actions of a run.
func (w *world) drive(r *flux.Run, cancelAt int) {
	var answer flux.Answer
	for n := 1; ; n++ {
		if n == cancelAt {
			r.Cancel()
		}
		act := r.Step(answer)
		answer = flux.Answer{}
		switch act.Do {
		case flux.DoRun:
			var args []string
			for _, a := range act.Args {
				args = append(args, a.Name+"="+w.plain(a.Value))
			}
			w.print(act.Depth, "%s(%s)", act.Process, strings.Join(args, ", "))
			answer.Failure = w.run(w.processes[act.Process])
		case flux.DoRead:
			w.asked = nil
			answer.Readings = w.read(act.Needs)
			w.print(act.Depth, "read %s", strings.Join(w.asked, ", "))
		case flux.DoSleep:
			w.print(act.Depth, "sleep %v", act.Seconds)
		case flux.DoFork:
			for i, b := range act.Branches {
				w.print(act.Depth, "branch %d", i)
				w.drive(b, 0)
			}
		case flux.DoDone:
			w.quiet = false
			w.print(act.Depth, "done, %d iterations", r.Loops())
			return
		case flux.DoFail:
			w.quiet = false
			token := ""
			if act.Failure.Token != 0 {
				token = " (the host's own)"
			}
			w.print(act.Depth, "failed at %s%s\n%s: %s", act.Failure.Place, token, act.Failure.Class(), act.Failure.Text)
			return
		}
	}
}

// run does what the body of a process says.
func (w *world) run(p *process) *flux.Failure {
	p.calls++
	for _, line := range p.body {
		verb, rest, _ := strings.Cut(line, " ")
		where, text, _ := strings.Cut(rest, " ")
		switch verb {
		case "set":
			v, _ := decode(text)
			w.put(where, v)
		case "add":
			v, _ := w.find(attributes(where))
			n, _ := new(big.Int).SetString(text, 10)
			w.put(where, n.Add(n, v.(*big.Int)))
		case "drop":
			v, _ := w.find(attributes(where))
			w.put(where, v.([]any)[1:])
		case "raise":
			calls := strings.Fields(text)
			if len(calls) > 0 && !slices.Contains(calls, strconv.Itoa(p.calls)) {
				continue
			}
			names := strings.Split(where, "<")
			return &flux.Failure{Names: append(names, "Exception"), Text: "told to", Token: 9, Abort: names[0] == "AuditInterlockError"}
		}
	}
	return nil
}

func attributes(where string) path.Path {
	p := parsePath(where)
	for i := range p {
		p[i].Kind = path.Attr
	}
	return p
}
