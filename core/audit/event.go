package audit

import (
	"fmt"
	"strings"
)

// Outcome is what a violation came to. The numbers are those of capi/theus.h.
type Outcome uint8

const (
	Acted   Outcome = 1 // max_threshold was reached: what the level says, happens
	Warned  Outcome = 2 // min_threshold was reached: a warning, whatever the level
	Counted Outcome = 3 // neither: only the count has changed
)

// String names the outcome.
func (o Outcome) String() string {
	switch o {
	case Acted:
		return "acted"
	case Warned:
		return "warned"
	case Counted:
		return "counted"
	default:
		return ""
	}
}

// Event is one violation. Its texts are of bounded length, but for a message of the recipe.
type Event struct {
	Serial  uint64 // counts the events of an auditor from 1, without a gap
	Stamp   int64  // of the Run
	Rule    *Rule
	Path    string // of the value: the field, or below its wildcards what violated
	Value   string // as Python shows it
	Outcome Outcome
	Count   int    // of violations, this one included
	Text    string // for people, in one or more lines
}

// text is the message of the recipe, or else says it all.
func (e *Event) text(why outcome) string {
	r := e.Rule
	if r.Message != "" {
		return r.Message
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s audit of process '%s': %s", r.Gate, r.Process, e.Path)
	switch why {
	case isMissing:
		b.WriteString(" is missing")
	case hasRaised:
		b.WriteString(" cannot be read: " + e.Value)
	default:
		b.WriteString(" is " + e.Value)
		if reasons[why] != "" {
			b.WriteString(", " + reasons[why])
		}
	}
	fmt.Fprintf(&b, "; the rule is %s: %s%s", r.Condition, r.Limit, e.levelText())
	return b.String()
}

// levelText ends the first line.
func (e *Event) levelText() string {
	if e.Rule.MaxThreshold > 1 {
		return fmt.Sprintf(" (level %s, violation %d of %d)", e.Rule.Level, e.Count, e.Rule.MaxThreshold)
	}
	return fmt.Sprintf(" (level %s)", e.Rule.Level)
}

// checkText is that of a check, in the words of whoever wrote it. Where it could not be evaluated,
// the lines after the first point into it.
func (e *Event) checkText(found *violation) string {
	r := e.Rule
	if r.Message != "" {
		return r.Message
	}
	text := fmt.Sprintf("%s audit of process '%s': %s", r.Gate, r.Process, oneLine(r.Limit.text))
	first, rest := detailOf(found.shown)
	switch found.why {
	case hasRaised:
		return text + " cannot be judged: " + first + e.levelText() + rest
	case noFact:
		return text + " cannot be judged: the host did not say enough" + e.levelText()
	default:
		return text + " is " + first + found.read + e.levelText()
	}
}
