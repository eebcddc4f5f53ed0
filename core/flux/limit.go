package flux

import (
	"fmt"
	"sync/atomic"
)

// DefaultMaxLoops bounds a run that says nothing else.
const DefaultMaxLoops = 10_000

// budget counts the iterations of one run: those of all its loops, the attempts of retry after the
// first, and the calls of workflows. Parallel branches share it.
type budget struct {
	limit int64
	used  atomic.Int64
}

// count takes one iteration, of the loop at a place.
func (b *budget) count(what action, at Place) *Failure {
	if b.used.Add(1) <= b.limit {
		return nil
	}
	return tripped(at, "Safety Trip: the %s at %s was stopped: one run has at most %d iterations, all loops together\n"+
		"  fix:           mend its condition, or raise THEUS_MAX_LOOPS", word(what), at, b.limit)
}

// word is how people call a step.
func word(a action) string {
	switch a {
	case doWhile, doFor:
		return "loop"
	default:
		return string(a)
	}
}

// tripped is the failure of a limit. It ends the run, whatever stands around.
func tripped(at Place, format string, args ...any) *Failure {
	return &Failure{Names: names("FluxLimitError"), Text: fmt.Sprintf(format, args...), Abort: true, Place: at}
}
