package fsm

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// Describe gives a machine as JSON, for a host that runs it:
//
//	{"name": "", "start": "IDLE", "processes": ["act"], "states": [{"name": "IDLE", "place": "m.yaml:3:3",
//	  "entry": STEPS, "entry_places": ["m.yaml:4:12"], "entry_part": 4,
//	  "exit": STEPS, "exit_places": [], "exit_part": 0,
//	  "moves": [{"event": "GO", "target": "BUSY", "when": "", "place": "m.yaml:5:9"}],
//	  "after": [{"seconds": 5.0, "event": "GO"}]}]}
//
// STEPS are a list of what the definition says, with a place each; the part is that of the document,
// see flux.Source. The numbers of steps are those that Python's json reads: NaN
// and Infinity too.
func (m *Machine) Describe() []byte {
	var b bytes.Buffer
	var processes []string
	b.WriteString(`{"name":` + quote(m.Name) + `,"start":` + quote(m.Start) + `,"states":[`)
	for i := range m.States {
		s := &m.States[i]
		comma(&b, i)
		b.WriteString(`{"name":` + quote(s.Name) + `,"place":` + quote(s.Place.String()))
		s.Entry.describe(&b, "entry")
		s.Exit.describe(&b, "exit")
		b.WriteString(`,"moves":[`)
		for k, move := range s.Moves {
			comma(&b, k)
			b.WriteString(`{"event":` + quote(move.Event) + `,"target":` + quote(move.Target) +
				`,"when":` + quote(move.When) + `,"place":` + quote(move.Place.String()) + `}`)
		}
		b.WriteString(`],"after":[`)
		for k, t := range s.After {
			comma(&b, k)
			b.WriteString(`{"seconds":` + strconv.FormatFloat(t.Seconds, 'g', -1, 64) + `,"event":` + quote(t.Event) + `}`)
		}
		b.WriteString(`]}`)
		processes = append(append(processes, s.Entry.Processes...), s.Exit.Processes...)
	}
	slices.Sort(processes)
	b.WriteString(`],"processes":[`)
	for i, name := range slices.Compact(processes) {
		comma(&b, i)
		b.WriteString(quote(name))
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func (p *Program) describe(b *bytes.Buffer, key string) {
	b.WriteString(`,"` + key + `":[`)
	for i, step := range p.Steps {
		comma(b, i)
		b.Write(step.JSON())
	}
	b.WriteString(`],"` + key + `_places":[`)
	for i, step := range p.Steps {
		comma(b, i)
		b.WriteString(quote(step.Place().String()))
	}
	b.WriteString(`],"` + key + `_part":` + strconv.Itoa(p.Part))
}

func comma(b *bytes.Buffer, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil { // a string always has a form
		return `""`
	}
	return string(quoted)
}
