package audit

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// boolean gives true or false.
func (r *reader) boolean(n *yaml.Node) (bool, bool) {
	v, ok := scalar(target(n))
	if !ok || v.kind != Bool {
		r.fail(n, "true or false belongs here, not %s", kindOf(n))
		return false, false
	}
	return v.num != 0, true
}

// count gives a whole number that is at least least.
func (r *reader) count(n *yaml.Node, least int64) (int, bool) {
	v, ok := scalar(target(n))
	if !ok || v.kind != Int || v.num < least || v.num > maxThreshold {
		r.fail(n, "a whole number from %d to %d belongs here", least, maxThreshold)
		return 0, false
	}
	return int(v.num), true
}

// value reads any scalar, list or mapping as a limit.
func (r *reader) value(n *yaml.Node, deep int) (Value, bool) {
	t := target(n)
	if deep > maxNested {
		r.fail(n, "a limit is at most %d lists deep", maxNested)
		return Value{}, false
	}
	switch t.Kind {
	case yaml.ScalarNode:
		if t.Style == 0 && ambiguous[strings.ToLower(t.Value)] && t.ShortTag() == "!!str" {
			r.fail(n, "%s is text to some and a truth value to others; quote it, or write true or false", t.Value)
			return Value{}, false
		}
		v, ok := scalar(t)
		if !ok {
			r.fail(n, "this cannot be compared: %s; quote it if it is text", kindOf(t))
		}
		return v, ok
	case yaml.SequenceNode, yaml.MappingNode:
		return r.collection(t, deep)
	default:
		r.fail(n, "a value belongs here")
		return Value{}, false
	}
}

// ambiguous are words that YAML 1.1 takes for true and false, and 1.2 for text.
var ambiguous = map[string]bool{"yes": true, "no": true, "on": true, "off": true}

func (r *reader) collection(n *yaml.Node, deep int) (Value, bool) {
	if tag := n.ShortTag(); tag != "!!seq" && tag != "!!map" {
		r.fail(n, "this cannot be compared: %s", tag)
		return Value{}, false
	}
	items := make([]Value, len(n.Content))
	for i, c := range n.Content {
		v, ok := r.value(c, deep+1)
		if !ok {
			return Value{}, false
		}
		items[i] = v
	}
	if n.Kind == yaml.SequenceNode {
		return ListValue(items...), true
	}
	if len(items) > 2*maxMapItems {
		r.fail(n, "a mapping to compare with has at most %d entries", maxMapItems)
		return Value{}, false
	}
	for i := 2; i < len(items); i += 2 {
		if found(items[:i], &items[i], &items[i+1]) != no || hasKey(items[:i], &items[i]) {
			r.fail(n.Content[i], "this key is given twice")
			return Value{}, false
		}
	}
	return MapValue(items...), true
}

func hasKey(items []Value, key *Value) bool {
	for i := 0; i < len(items); i += 2 {
		if equal(&items[i], key) != no {
			return true
		}
	}
	return false
}

var yamlInteger = regexp.MustCompile(`^[-+]?[0-9][0-9_]*$`)

// scalar reads a scalar with YAML's types; integers of any size.
func scalar(n *yaml.Node) (Value, bool) {
	if n.Kind != yaml.ScalarNode {
		return Value{}, false
	}
	switch n.ShortTag() {
	case "!!null":
		return NullValue(), true
	case "!!bool":
		var b bool
		return scalarOf(n, &b, func() Value { return BoolValue(b) })
	case "!!int":
		var i int64
		if v, ok := scalarOf(n, &i, func() Value { return IntValue(i) }); ok {
			return v, true
		}
		var u uint64
		return scalarOf(n, &u, func() Value { return NumberValue(strconv.FormatUint(u, 10)) })
	case "!!float":
		if yamlInteger.MatchString(n.Value) {
			v := NumberValue(strings.ReplaceAll(n.Value, "_", ""))
			return v, v.kind != Raised
		}
		var f float64
		return scalarOf(n, &f, func() Value { return FloatValue(f) })
	case "!!str":
		return StringValue(n.Value), true
	case "!!binary":
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), ""))
		return BytesValue(string(b)), err == nil
	default:
		return Value{}, false
	}
}

func scalarOf[T any](n *yaml.Node, into *T, make func() Value) (Value, bool) {
	if n.Decode(into) != nil {
		return Value{}, false
	}
	return make(), true
}

// kindOf names what a node is, for those who expected something else.
func kindOf(n *yaml.Node) string {
	n = target(n)
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		words := map[string]string{"!!null": "nothing", "!!bool": "true or false", "!!int": "a number",
			"!!float": "a number", "!!str": "text", "!!timestamp": "a date", "!!binary": "bytes"}
		if word, ok := words[n.ShortTag()]; ok {
			return word
		}
		return "a value with the tag " + shorten(n.ShortTag(), maxShown)
	default:
		return "this"
	}
}
