package check

import (
	"strings"

	"github.com/theus-project/theus/core/audit"
	"github.com/theus-project/theus/core/flux"
)

// need asks a host for what a condition wants.
func need(n flux.Need) audit.Need {
	f := audit.Field{Steps: make([]audit.Step, len(n.Path))}
	for i, seg := range n.Path {
		f.Steps[i].Segment = seg
	}
	switch n.What {
	case flux.Items:
		return audit.Need{Field: f, Ask: audit.AskContents}
	case flux.Has:
		return audit.Need{Field: f, Ask: audit.AskHas, Key: key(n.Key)}
	default:
		return audit.Need{Field: f, Ask: audit.AskPlace}
	}
}

// key says what is looked for in a container. A tuple is a list with that form.
func key(v flux.Value) audit.Value {
	switch v.Kind() {
	case flux.KindBool:
		return audit.BoolValue(v.Truth())
	case flux.KindInt:
		if n, ok := v.Int64(); ok {
			return audit.IntValue(n)
		}
		return audit.NumberValue(v.Big().String())
	case flux.KindFloat:
		return audit.FloatValue(v.Float64())
	case flux.KindText:
		return audit.StringValue(v.Text())
	case flux.KindBytes:
		return audit.BytesValue(v.Text())
	case flux.KindTuple:
		var items []audit.Value
		for _, item := range v.Items() {
			items = append(items, key(item))
		}
		return audit.ListValue(items...).WithForm(audit.Tuple, len(items) > 0)
	default:
		return audit.NullValue()
	}
}

// readings are the answers to needs.
func readings(asked []flux.Need, values []audit.Value) []flux.Reading {
	all := make([]flux.Reading, len(asked))
	for i := range asked {
		v := audit.AbsentValue()
		if i < len(values) {
			v = values[i]
		}
		all[i].Value, all[i].Failure = value(&v)
		if v.Kind() == audit.Absent {
			class := "LookupError"
			if at := asked[i].Path; len(at) == 0 || at[len(at)-1].IsAttr() {
				class = "AttributeError"
			}
			all[i].Failure = failure(class, asked[i].Path.String()+" is missing")
		}
	}
	return all
}

func failure(class, text string) *flux.Failure {
	return &flux.Failure{Names: []string{class, "Exception"}, Text: text}
}

// value is what a condition computes with, of what a host said.
func value(v *audit.Value) (flux.Value, *flux.Failure) {
	switch v.Kind() {
	case audit.Null:
		return flux.None(), nil
	case audit.Bool:
		return flux.Bool(v.Int() != 0), nil
	case audit.Int:
		return flux.Int(v.Int()), nil
	case audit.Float:
		return flux.Float(v.Float()), nil
	case audit.String:
		return flux.Text(v.Text()), nil
	case audit.Bytes:
		return flux.Bytes([]byte(v.Text())), nil
	case audit.List:
		return sequence(v)
	case audit.Map:
		return mapping(v)
	case audit.Exact:
		if n := v.Integer(); n != nil {
			return flux.BigInt(n), nil
		}
	case audit.Object:
		if v.Form() == audit.Set {
			return sequence(v)
		}
		return flux.Container(flux.KindObject, v.Len(), v.Truth()), nil
	case audit.Raised:
		class, text, found := strings.Cut(v.Text(), ": ")
		if !found {
			text = ""
		}
		return flux.None(), failure(class, text)
	case audit.Absent:
		return flux.None(), nil
	}
	kind, _, _ := strings.Cut(v.Types(), " ")
	if kind == "" {
		kind = "value"
	}
	return flux.None(), failure("TypeError", "a check cannot compute with a "+kind+"; use a condition such as min, max or finite")
}

var kinds = [...]flux.Kind{
	audit.Plain: flux.KindList, audit.Tuple: flux.KindTuple, audit.Sequence: flux.KindSequence, audit.Set: flux.KindSet,
}

func sequence(v *audit.Value) (flux.Value, *flux.Failure) {
	kind := kinds[v.Form()]
	items, known := v.Items()
	if !known {
		return flux.Container(kind, v.Len(), v.Len() > 0), nil
	}
	all, failed := values(items)
	switch kind {
	case flux.KindTuple:
		return flux.Tuple(all), failed
	case flux.KindSet:
		return flux.Set(all), failed
	case flux.KindSequence:
		return flux.Sequence(all), failed
	default:
		return flux.List(all), failed
	}
}

func mapping(v *audit.Value) (flux.Value, *flux.Failure) {
	items, known := v.Items()
	if !known {
		return flux.Container(flux.KindDict, v.Len(), v.Len() > 0), nil
	}
	all, failed := values(items)
	var keys, held []flux.Value
	for i := 0; i+1 < len(all); i += 2 {
		keys, held = append(keys, all[i]), append(held, all[i+1])
	}
	return flux.Dict(keys, held), failed
}

func values(items []audit.Value) ([]flux.Value, *flux.Failure) {
	all := make([]flux.Value, len(items))
	for i := range items {
		var failed *flux.Failure
		if all[i], failed = value(&items[i]); failed != nil && items[i].Kind() == audit.Raised {
			return nil, failed
		} else if failed != nil { // to be there is all it can do
			all[i] = flux.Container(flux.KindObject, -1, true)
		}
	}
	return all, nil
}
