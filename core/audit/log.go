package audit

import (
	"slices"
	"sync"

	"github.com/theus-project/theus/core/path"
)

// DefaultLog is how many events a log holds unless Options say otherwise.
const DefaultLog = 1000

// maxLog bounds the option.
const maxLog = 1 << 20

// Log is a ring of the newest events. Any number of goroutines may use it.
type Log struct {
	mu     sync.Mutex // protects the fields below; a leaf
	ring   []Event    // grows to its capacity, then the oldest is overwritten
	most   int
	serial uint64 // of the newest event

	// Invariant: the event with serial s, if it is held, is ring[(s-1) % most].
}

func newLog(most int) *Log { return &Log{most: most} }

// add gives an event its serial and holds it.
func (l *Log) add(e *Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serial++
	e.Serial = l.serial
	if len(l.ring) < l.most {
		l.ring = append(l.ring, *e)
		return
	}
	l.ring[(l.serial-1)%uint64(l.most)] = *e
}

// Query says which events are wanted; what is left out does not matter.
type Query struct {
	Process string
	Path    path.Path // a pattern: its own violations and those below
	Level   Level
	Outcome Outcome
	After   uint64 // only serials above
	Most    int    // only so many, the newest; 0 is all
}

// Events gives the events that a query asks for, the oldest first.
func (l *Log) Events(q Query) []Event {
	var list []Event
	for _, e := range l.held(q.After) {
		if q.wants(&e) {
			list = append(list, e)
		}
	}
	if q.Most > 0 && len(list) > q.Most {
		list = list[len(list)-q.Most:]
	}
	return list
}

// held copies the events above a serial, the oldest first.
func (l *Log) held(after uint64) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := l.serial - uint64(len(l.ring))
	from := max(after, oldest)
	if from >= l.serial {
		return nil
	}
	list := make([]Event, 0, l.serial-from)
	for s := from; s < l.serial; s++ {
		list = append(list, l.ring[s%uint64(l.most)])
	}
	return list
}

// Count tells how many events there were, and how many of them are no longer held.
func (l *Log) Count() (all, lost uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.serial, l.serial - uint64(len(l.ring))
}

func (q *Query) wants(e *Event) bool {
	switch {
	case q.Process != "" && q.Process != e.Rule.Process:
		return false
	case q.Level != 0 && q.Level != e.Rule.Level:
		return false
	case q.Outcome != 0 && q.Outcome != e.Outcome:
		return false
	default:
		return len(q.Path) == 0 || q.covers(e)
	}
}

// covers compares with the field of the rule, and with the place below its wildcards.
func (q *Query) covers(e *Event) bool {
	where := slices.Clone(q.Path.Canonical())
	for i := range where {
		if where[i].Kind == path.Attr { // a rule names a thing, not the way Python stores it
			where[i].Kind = path.Name
		}
	}
	if e.Rule.limit.check != nil {
		return slices.ContainsFunc(e.Rule.limit.check.Reads(), func(p path.Path) bool {
			read := slices.Clone(p)
			for i := range read {
				if read[i].Kind == path.Attr || read[i].Kind == path.Text {
					read[i].Kind = path.Name
				}
			}
			return where.Covers(read)
		})
	}
	if where.Covers(e.Rule.Field.Path()) {
		return true
	}
	if e.Path == e.Rule.name {
		return false
	}
	met, err := ParseField(e.Path)
	return err == nil && where.Covers(met.Path())
}
