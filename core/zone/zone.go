// Package zone says how the kernel treats a field, by the prefix of its name.
//
// The first segment of a path that has a zone prefix decides, and everything below inherits it:
// domain_ctx.heavy_net.meta_loss is HEAVY. Attributes and text keys have names; indexes and other
// keys do not.
package zone

import (
	"strings"

	"github.com/theus-project/theus/core/path"
)

// Zone is a way of treating state. The numbers are those of capi/theus.h.
type Zone uint8

const (
	Data   Zone = 0 // ordinary state
	Signal Zone = 1 // an event: published after the commit, reset when consumed
	Meta   Zone = 2 // observability
	Heavy  Zone = 3 // large memory, never copied and never rolled back
)

var prefixes = [...]struct {
	text string
	zone Zone
}{
	{"sig_", Signal},
	{"cmd_", Signal},
	{"meta_", Meta},
	{"heavy_", Heavy},
}

// Prefixes lists all prefixes, separated by blanks. A name without one of them is DATA.
func Prefixes() string { return "sig_ cmd_ meta_ heavy_" }

// Of gives the zone of a name.
func Of(name string) Zone {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p.text) {
			return p.zone
		}
	}
	return Data
}

// OfPath gives the zone of a path: that of its first segment with a zone prefix.
func OfPath(p path.Path) Zone {
	z := Data
	for _, s := range p {
		z = z.Below(s)
	}
	return z
}

// Below gives the zone of s when it stands below something of zone z.
func (z Zone) Below(s path.Segment) Zone {
	if z != Data {
		return z
	}
	switch s.Kind {
	case path.Attr, path.Text, path.Name:
		return Of(s.Name)
	default:
		return Data
	}
}

// Rules is a row of the table that tells the zones apart.
type Rules struct {
	Logged     bool // writes are logged with their values (of HEAVY only path, type and size are)
	RolledBack bool // a failed process leaves no trace
	Shown      bool // exported by to_dict
	MayBeInput bool // a contract may list it as an input; otherwise only outputs make it readable
}

var table = [...]Rules{
	Data:   {Logged: true, RolledBack: true, Shown: true, MayBeInput: true},
	Signal: {Logged: true, RolledBack: true},
	Meta:   {Logged: true, RolledBack: true},
	Heavy:  {MayBeInput: true},
}

var names = [...]string{Data: "DATA", Signal: "SIGNAL", Meta: "META", Heavy: "HEAVY"}

// Rules gives the row of z; a number that is no zone has that of DATA.
func (z Zone) Rules() Rules {
	if int(z) >= len(table) {
		z = Data
	}
	return table[z]
}

// String names the zone as the documentation does.
func (z Zone) String() string {
	if int(z) >= len(names) {
		return "no zone"
	}
	return names[z]
}
