package flux_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/theus-project/theus/core/flux"
	"github.com/theus-project/theus/core/path"
)

// object is a user's object in the state of the fake host; a map is a dict.
type object map[string]any

// dict keeps the order of its keys.
type dict struct {
	keys   []string
	values map[string]any
}

// decode reads JSON; {"$object": {...}} is an object and {"$set": [...]} a set.
func decode(text string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	return decodeNext(dec)
}

type set []any

func decodeNext(dec *json.Decoder) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok := tok.(type) {
	case json.Delim:
		if tok == '[' {
			items := []any{}
			for dec.More() {
				item, err := decodeNext(dec)
				if err != nil {
					return nil, err
				}
				items = append(items, item)
			}
			_, err = dec.Token()
			return items, err
		}
		d := &dict{values: map[string]any{}}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			if d.values[key.(string)], err = decodeNext(dec); err != nil {
				return nil, err
			}
			d.keys = append(d.keys, key.(string))
		}
		_, err = dec.Token()
		if inner, ok := d.values["$object"]; ok {
			return object(inner.(*dict).values), err
		}
		if inner, ok := d.values["$set"]; ok {
			return set(inner.([]any)), err
		}
		return d, err
	case json.Number:
		if n, ok := new(big.Int).SetString(tok.String(), 10); ok {
			return n, nil
		}
		return tok.Float64()
	default:
		return tok, nil
	}
}

// host answers needs from a state, and counts them.
type host struct {
	state any
	asked []string
}

func (h *host) read(needs []flux.Need) []flux.Reading {
	var all []flux.Reading
	for _, n := range needs {
		h.asked = append(h.asked, n.String())
		v, err := h.find(n.Path)
		r := flux.Reading{Failure: err}
		if err == nil {
			r = tell(n, v)
		}
		all = append(all, r)
	}
	return all
}

func failure(class, format string, args ...any) *flux.Failure {
	return &flux.Failure{Names: []string{class, "Exception"}, Text: fmt.Sprintf(format, args...), Token: 7}
}

func (h *host) find(p path.Path) (any, *flux.Failure) {
	v := h.state
	for _, seg := range p {
		var ok bool
		switch x := v.(type) {
		case object:
			if v, ok = x[seg.Name]; !ok || seg.Kind != path.Attr {
				return nil, failure("AttributeError", "no attribute '%s'", seg.Name)
			}
		case *dict:
			if seg.Kind == path.Attr {
				return nil, failure("AttributeError", "'dict' has no attribute '%s'", seg.Name)
			}
			if v, ok = x.values[seg.Name]; !ok {
				return nil, failure("KeyError", "%s", seg)
			}
		case []any:
			i := int(seg.Index)
			if i < 0 {
				i += len(x)
			}
			if seg.Kind != path.Int {
				return nil, failure(map[bool]string{true: "AttributeError", false: "TypeError"}[seg.Kind == path.Attr], "a list")
			}
			if i < 0 || i >= len(x) {
				return nil, failure("IndexError", "list index out of range")
			}
			v = x[i]
		case string:
			i, r := int(seg.Index), []rune(x)
			if i < 0 {
				i += len(r)
			}
			if seg.Kind != path.Int {
				return nil, failure(map[bool]string{true: "AttributeError", false: "TypeError"}[seg.Kind == path.Attr], "a str")
			}
			if i < 0 || i >= len(r) {
				return nil, failure("IndexError", "string index out of range")
			}
			v = string(r[i])
		default:
			if seg.Kind == path.Attr {
				return nil, failure("AttributeError", "no attribute '%s'", seg.Name)
			}
			return nil, failure("TypeError", "cannot be indexed")
		}
	}
	return v, nil
}

func tell(n flux.Need, v any) flux.Reading {
	switch n.What {
	case flux.Has:
		return has(v, n.Key)
	case flux.Items:
		switch v := v.(type) {
		case []any:
			return flux.Reading{Value: flux.List(shallow(v))}
		case set:
			return flux.Reading{Value: flux.Set(shallow(v))}
		case *dict:
			var keys, values []flux.Value
			for _, k := range v.keys {
				keys, values = append(keys, flux.Text(k)), append(values, value(v.values[k]))
			}
			return flux.Reading{Value: flux.Dict(keys, values)}
		case object:
			return flux.Reading{Failure: failure("TypeError", "'object' object is not iterable")}
		}
	}
	return flux.Reading{Value: value(v)}
}

func has(v any, key flux.Value) flux.Reading {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if same(item, key) {
				return flux.Reading{Value: flux.Bool(true)}
			}
		}
		return flux.Reading{Value: flux.Bool(false)}
	case set:
		return has([]any(v), key)
	case *dict:
		_, ok := v.values[key.Text()]
		return flux.Reading{Value: flux.Bool(ok && key.Kind() == flux.KindText)}
	case string:
		if key.Kind() != flux.KindText {
			return flux.Reading{Failure: failure("TypeError", "requires string")}
		}
		return flux.Reading{Value: flux.Bool(strings.Contains(v, key.Text()))}
	}
	return flux.Reading{Failure: failure("TypeError", "argument is not iterable")}
}

// same compares as Python does, with True for 1.
func same(x any, y flux.Value) bool {
	number := func(v flux.Value) string {
		switch {
		case v.Kind() == flux.KindBool && v.Truth():
			return "1"
		case v.Kind() == flux.KindBool:
			return "0"
		case v.Kind() == flux.KindFloat:
			return strings.TrimSuffix(strings.Replace(v.String(), "-0.0", "0", 1), ".0")
		}
		return v.String()
	}
	return number(value(x)) == number(y)
}

func shallow(items []any) []flux.Value {
	all := make([]flux.Value, len(items))
	for i, item := range items {
		all[i] = value(item)
	}
	return all
}

func value(v any) flux.Value {
	switch v := v.(type) {
	case nil:
		return flux.None()
	case bool:
		return flux.Bool(v)
	case *big.Int:
		return flux.BigInt(v)
	case float64:
		return flux.Float(v)
	case string:
		return flux.Text(v)
	case []any:
		return flux.Container(flux.KindList, len(v), len(v) > 0)
	case set:
		return flux.Container(flux.KindSet, len(v), len(v) > 0)
	case *dict:
		return flux.Container(flux.KindDict, len(v.keys), len(v.keys) > 0)
	default:
		return flux.Container(flux.KindObject, -1, true)
	}
}

// evaluate drives an evaluation to its end.
func (h *host) evaluate(c *flux.Condition, vars ...flux.Value) (flux.Value, *flux.Failure) {
	e := c.Start(vars...)
	var readings []flux.Reading
	for {
		v, needs, failure := e.Step(readings)
		if failure != nil || len(needs) == 0 {
			return v, failure
		}
		readings = h.read(needs)
	}
}

// plain asks for all that is in a value.
func (h *host) plain(v flux.Value) string {
	p, ok := v.Place()
	if !ok {
		switch v.Kind() {
		case flux.KindList, flux.KindTuple:
			var parts []string
			for _, item := range v.Items() {
				parts = append(parts, h.plain(item))
			}
			if v.Kind() == flux.KindList {
				return "[" + strings.Join(parts, ", ") + "]"
			}
			if len(parts) == 1 {
				return "(" + parts[0] + ",)"
			}
			return "(" + strings.Join(parts, ", ") + ")"
		}
		if v.Kind() == flux.KindDict {
			var parts []string
			values := v.Values()
			for i, k := range v.Items() {
				parts = append(parts, h.plain(k)+": "+h.plain(values[i]))
			}
			return "{" + strings.Join(parts, ", ") + "}"
		}
		return v.String()
	}
	found, _ := h.find(p)
	return spell(found)
}

func spell(v any) string {
	switch v := v.(type) {
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, spell(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *dict:
		var parts []string
		for _, k := range v.keys {
			parts = append(parts, flux.Text(k).String()+": "+spell(v.values[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case object:
		return "<object>"
	}
	return value(v).String()
}
