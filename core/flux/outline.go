package flux

import (
	"encoding/json"
	"strconv"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/path"
)

// Outline gives the steps of a workflow as JSON, for those who draw it:
//
//	[{"do": "while", "text": "len(domain.queue) > 0", "place": "w.yaml:3:5",
//	  "parts": [{"label": "do", "steps": [{"do": "process", "text": "serve", "place": "w.yaml:4:9"}]}]}]
//
// It asks nobody: any name is that of a process, what is called stays closed, and whether branches
// conflict is left to Load. What is wrong all the same is a fault.Config.
func Outline(src Source) ([]byte, error) {
	p, err := Load(src, Surroundings{Processes: anything{}, Contracts: anything{}, Files: anything{}})
	if err != nil {
		if f, ok := err.(*fault.Error); ok {
			f.Kind, f.Text = fault.Config, "Invalid Workflow: "+f.Text
		}
		return nil, err
	}
	return json.Marshal(outline(p.main.steps))
}

// anything knows every name and objects to nothing.
type anything struct{}

func (anything) Names() []string                            { return nil }
func (anything) Process(string) (Process, bool)             { return Process{Open: true}, true }
func (anything) Conflict(_, _ string) (p path.Path, c bool) { return nil, false }
func (anything) Writes(string, path.Path) bool              { return false }
func (anything) Open(name, _ string) (Source, error)        { return Source{Name: name}, nil }

type drawn struct {
	Do    action `json:"do"`
	Text  string `json:"text"`
	Place string `json:"place"`
	Parts []part `json:"parts,omitempty"`
}

type part struct {
	Label string  `json:"label"`
	Steps []drawn `json:"steps"`
}

func outline(steps []*step) []drawn {
	all := make([]drawn, 0, len(steps))
	for _, s := range steps {
		all = append(all, s.drawn())
	}
	return all
}

func (s *step) drawn() drawn {
	d := drawn{Do: s.action, Place: s.place.String()}
	add := func(label string, body []*step) { d.Parts = append(d.Parts, part{label, outline(body)}) }
	switch s.action {
	case doProcess:
		d.Text = s.process
	case doCall:
		d.Text = s.workflow.name
	case doIf:
		for i, body := range s.bodies {
			if i < len(s.tests) {
				add(s.tests[i].String(), body)
			} else {
				add("else", body)
			}
		}
	case doWhile, doFor:
		d.Text = "each of a list"
		if len(s.tests) > 0 {
			d.Text = s.tests[0].String()
		}
		add("do", s.body)
	case doTry:
		add("do", s.body)
		for _, h := range s.catches {
			add(h.class, h.body)
		}
		if len(s.finally) > 0 {
			add("finally", s.finally)
		}
	case doRetry:
		d.Text = strconv.Itoa(s.times) + " times"
		add("do", s.body)
	case doParallel:
		for i, body := range s.bodies {
			add("branch "+strconv.Itoa(i+1), body)
		}
	case doRun:
		add("do", s.body)
	}
	return d
}
