package audit

import (
	"encoding/base64"
	"encoding/json"
)

// Describe gives the recipe as JSON, for hosts that show or change it: a list of processes in the
// order of the recipe, with all they inherit.
//
//	[{"name": ..., "inputs": [rule], "outputs": [rule], "side_effects": [...], "errors": [...]}]
//
// A rule has the fields of RuleSpec. JSON cannot say all limits: a float is {"float": "0.5"},
// bytes are {"bytes": base64} and a mapping is {"map": [[key, value]]}.
func (r *Recipe) Describe() []byte {
	list := []describedProcess{}
	for _, name := range r.Processes() {
		p := r.Process(name)
		d := describedProcess{
			Name: name, Inputs: []describedRule{}, Outputs: []describedRule{},
			SideEffects: append([]string{}, p.SideEffects...), Errors: append([]string{}, p.Errors...),
		}
		for i := range p.Rules {
			to := &d.Inputs
			if p.Rules[i].Gate == Output {
				to = &d.Outputs
			}
			*to = append(*to, p.Rules[i].describe())
		}
		list = append(list, d)
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // every part is made of texts, numbers and lists
	}
	return text
}

type describedProcess struct {
	Name        string          `json:"name"`
	Inputs      []describedRule `json:"inputs"`
	Outputs     []describedRule `json:"outputs"`
	SideEffects []string        `json:"side_effects"`
	Errors      []string        `json:"errors"`
}

type describedRule struct {
	Field        string `json:"field"`
	Condition    string `json:"condition"`
	Limit        any    `json:"limit"`
	Level        string `json:"level"`
	MinThreshold int    `json:"min_threshold"`
	MaxThreshold int    `json:"max_threshold"`
	Reset        bool   `json:"reset_on_success"`
	Message      string `json:"message"`
}

func (r *Rule) describe() describedRule {
	return describedRule{
		Field: r.fieldText(), Condition: r.Condition.String(), Limit: r.Limit.describe(), Level: r.Level.String(),
		MinThreshold: r.MinThreshold, MaxThreshold: r.MaxThreshold, Reset: r.ResetOnSuccess, Message: r.Message,
	}
}

func (v *Value) describe() any {
	switch v.kind {
	case Bool:
		return v.num != 0
	case Int:
		return v.num
	case Float:
		return map[string]string{"float": showFloat(v.float)}
	case Exact:
		if v.more.exact.IsInt() {
			return json.Number(v.more.exact.Num().String())
		}
		return map[string]string{"float": v.showExact()}
	case String:
		return v.text
	case Bytes:
		return map[string]string{"bytes": base64.StdEncoding.EncodeToString([]byte(v.text))}
	case List:
		items, _ := v.elements()
		return describeAll(items)
	case Map:
		pairs := [][]any{}
		items, _ := v.elements()
		for i := 0; i+1 < len(items); i += 2 {
			pairs = append(pairs, describeAll(items[i:i+2]))
		}
		return map[string]any{"map": pairs}
	default:
		return nil
	}
}

func describeAll(items []Value) []any {
	list := make([]any, len(items))
	for i := range items {
		list[i] = items[i].describe()
	}
	return list
}
