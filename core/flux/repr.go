package flux

import (
	"fmt"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
)

// repr spells a value as Python does. What is long or deep is cut: it is for people, except that
// of None, True, False and numbers.
func repr(v starlark.Value, depth int) string {
	switch v := v.(type) {
	case starlark.NoneType:
		return "None"
	case starlark.Bool:
		if v {
			return "True"
		}
		return "False"
	case starlark.Int:
		if bits(v) > 1000 {
			return fmt.Sprintf("<int of %d bits>", bits(v))
		}
		return v.String()
	case starlark.Float:
		return floatText(float64(v))
	case starlark.String:
		return quoted(string(v))
	case starlark.Bytes:
		return "b" + quoted(string(v))
	case *place:
		return v.path.String()
	case *starlark.Dict, *entries:
		if depth > 3 {
			return "..."
		}
		d := Value{v}
		var parts []string
		values := d.Values()
		for i, k := range d.Items() {
			parts = append(parts, repr(k.starlark(), depth+1)+": "+repr(values[i].starlark(), depth+1))
		}
		return "{" + cut(parts) + "}"
	case starlark.Iterable:
		if depth > 3 {
			return "..."
		}
		var parts []string
		for item := range starlark.Elements(v) {
			if parts = append(parts, repr(item, depth+1)); len(parts) > 20 {
				break
			}
		}
		switch kindOf(v) {
		case KindTuple:
			if len(parts) == 1 {
				return "(" + parts[0] + ",)"
			}
			return "(" + cut(parts) + ")"
		case KindSet:
			return "{" + cut(parts) + "}"
		}
		return "[" + cut(parts) + "]"
	}
	return "<" + typeName(v) + ">"
}

func cut(parts []string) string {
	if len(parts) > 20 {
		parts = append(parts[:20:20], "...")
	}
	return strings.Join(parts, ", ")
}

// quoted is a text in the quotation marks that Python would take.
func quoted(s string) string {
	if len(s) > 200 {
		s = string([]rune(s)[:min(100, runes(s))]) + "..."
	}
	q := strconv.Quote(s)
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		return q
	}
	return "'" + strings.ReplaceAll(strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`), "'", `\'`) + "'"
}
