package audit

import "strings"

// Rule is one condition on one field at one gate, with all that its recipe and those it inherits
// say about it. It never changes.
type Rule struct {
	Process   string
	Gate      Gate
	Field     Field
	Condition Condition
	Limit     Value
	Level     Level
	// MinThreshold is the count of violations from which each one below MaxThreshold is an early
	// warning; 0 is never.
	MinThreshold int
	// MaxThreshold is the count at which the rule acts and the counting starts over.
	//
	// Invariant: MinThreshold <= MaxThreshold, 1 <= MaxThreshold
	MaxThreshold   int
	ResetOnSuccess bool   // a value that passes sets the count to 0
	Message        string // instead of the usual text; "" for that
	Place          Place  // where it was written
	From           string // the recipe that says so: the process, or what it inherits

	limit limit
	given settings // which of the settings the recipe said
	name  string   // Field.String(); of a check its expression
}

// fieldText is the field as users spell it; a check has none.
func (r *Rule) fieldText() string {
	if r.limit.check != nil {
		return ""
	}
	return r.name
}

// settings is a set of the settings of a rule.
type settings uint8

const (
	setLevel settings = 1 << iota
	setMin
	setMax
	setReset
	setMessage
	setAll = setLevel | setMin | setMax | setReset | setMessage
)

// maxThreshold bounds thresholds.
const maxThreshold = 1 << 30

// newRule makes a rule with the settings of one that says nothing about them.
func newRule() Rule { return Rule{Level: Caution, MaxThreshold: 1, ResetOnSuccess: true} }

// fill takes from another rule the settings that r does not say.
func (r *Rule) fill(other *Rule) {
	missing := other.given &^ r.given
	if missing&setLevel != 0 {
		r.Level = other.Level
	}
	if missing&setMin != 0 {
		r.MinThreshold = other.MinThreshold
	}
	if missing&setMax != 0 {
		r.MaxThreshold = other.MaxThreshold
	}
	if missing&setReset != 0 {
		r.ResetOnSuccess = other.ResetOnSuccess
	}
	if missing&setMessage != 0 {
		r.Message = other.Message
	}
	r.given |= missing
}

// subject is what a rule is about within a process: gate, field and condition.
type subject struct {
	gate      Gate
	field     string
	condition Condition
}

func (r *Rule) subject() subject { return subject{r.Gate, r.name, r.Condition} }

// identity is what a counter belongs to: process, gate, field, condition, limit.
type identity struct {
	process string
	subject
	limit string
}

func (r *Rule) identity() identity {
	var b strings.Builder
	r.Limit.key(&b)
	return identity{r.Process, r.subject(), b.String()}
}
