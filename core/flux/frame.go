package flux

// phase says where in its step a frame is.
type phase uint8

const (
	inBody phase = iota
	inCatch
	inFinally
)

// frame is a step that has begun and not ended. The frames of a run are its whole state, beside the
// loop variables: nothing of it is on the stack of Go.
type frame struct {
	step  *step   // nil for the first one
	steps []*step // that are being run now
	next  int     // which of them comes next

	phase    phase       // doTry
	failure  *Failure    // doTry: what is raised again after finally
	count    int         // doIf: which test; doWhile, doRetry: how many times; doFor: which item; doProcess: which argument
	items    []Value     // doFor
	args     []Arg       // doProcess
	eval     *Evaluation // doWhile: used again for each turn
	branches []*Run      // doParallel
	vars     []Value     // those of the loops around
}
