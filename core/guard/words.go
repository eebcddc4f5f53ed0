package guard

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/zone"
)

// reason ends the first line where the fragment and the path do not say it all.
func (d *denial) reason() string {
	switch {
	case d.kind == fault.Unsupported:
		return fmt.Sprintf("a value of type %s cannot live there", orElse(d.detail, "this kind"))
	case d.kind == fault.Private:
		return d.last() + " is private to its object"
	case d.kind == fault.Zone:
		return fmt.Sprintf("SECURITY VIOLATION, Zone Policy Violation: no input makes a %s path readable",
			zone.OfPath(d.path))
	case d.kind == fault.Frozen && d.tried == Mutate && d.detail != "":
		return "Immutable Violation, this " + d.detail + " is only an input"
	case d.kind == fault.Frozen && d.tried == Mutate:
		return "Immutable Violation, it is only an input"
	case d.kind == fault.Frozen:
		return "Immutable Violation, what holds it is only an input"
	case d.tried == Iterate && d.refuser.Find(d.path).Walks():
		return "it may only be walked through, to what is declared below it"
	default:
		return d.detail
	}
}

// fix is the advice where another contract, or another name, would do.
func (d *denial) fix(near string) string {
	to, of := "outputs", "of @process"
	if d.reading() && zone.OfPath(d.path).Rules().MayBeInput {
		to = "inputs"
	}
	if d.refuser != d.process {
		of = "of " + who(d.refuser)
	}
	var ways []string
	if near != "" {
		ways = append(ways, ops[d.tried].verb+" "+near)
	}
	if entry := declarable(d.path); len(entry) > 0 {
		ways = append(ways, fmt.Sprintf("add %s to the %s %s", literal(entry), to, of))
	}
	if len(ways) == 0 {
		return "name what it needs in the contract"
	}
	return strings.Join(ways, ", or ")
}

// cure is the advice where no contract would help.
func (d *denial) cure() string {
	if d.kind == fault.Private {
		return "use a public name; only methods of the object itself may use its own _names"
	}
	name := "heavy_" + strings.TrimPrefix(d.last(), "heavy_")
	if s := d.path; len(s) == 0 || !s[len(s)-1].IsAttr() {
		name = "heavy_..."
	}
	return fmt.Sprintf("keep it in a field named %s, or store theus.opaque(it): both are passed by "+
		"reference and not rolled back; or say with theus.register_type how its type is copied", name)
}

func (d *denial) last() string {
	if len(d.path) == 0 {
		return "it"
	}
	return d.path[len(d.path)-1].Name
}

// declarable spells the longest beginning of p that a contract can name.
func declarable(p path.Path) string {
	end := 0
	for end < len(p) && p[end].Kind != path.Other && !p[end].IsPrivate() {
		end++
	}
	for ; end > 0; end-- {
		text := p[:end].String()
		if back, err := path.Parse(text); err == nil && back.Covers(p[:end]) {
			return text
		}
	}
	return ""
}

// literal writes an entry as users would paste it into their source.
func literal(entry string) string {
	if strings.Contains(entry, `"`) && !strings.ContainsAny(entry, `'\`) {
		return "'" + entry + "'"
	}
	return strconv.Quote(entry)
}

// maxListed is how many declared paths a message shows.
const maxListed = 5

func list(paths []string) string {
	if len(paths) == 0 {
		return "nothing"
	}
	text := strings.Join(paths[:min(len(paths), maxListed)], ", ")
	if more := len(paths) - maxListed; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
