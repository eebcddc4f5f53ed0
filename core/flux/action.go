package flux

// Do says what the host does next. The numbers are part of the ABI.
type Do uint8

const (
	// DoRun: run Process with Args, and answer with its failure, if any.
	DoRun Do = 1
	// DoRead: answer with one reading for each of Needs.
	DoRead Do = 2
	// DoSleep: come back after so many Seconds.
	DoSleep Do = 3
	// DoFork: drive each of Branches to its end, one after the other or at once, and come back.
	DoFork Do = 4
	// DoDone: the run has ended well.
	DoDone Do = 5
	// DoFail: the run has ended with Failure.
	DoFail Do = 6
)

// Action is what the host does next. The host may read its slices until the next Step, and never
// changes them.
type Action struct {
	Do       Do
	Place    Place // of the step
	Depth    int   // of the step: how many steps stand around it
	Process  string
	Args     []Arg
	Needs    []Need
	Seconds  float64
	Branches []*Run
	Failure  *Failure
}

// Arg is a keyword argument. Its value may be a place: then it is what stands there.
type Arg struct {
	Name  string
	Value Value
}

// Answer tells how an action went. The zero Answer begins a run, and tells of success.
type Answer struct {
	Failure  *Failure  // DoRun
	Readings []Reading // DoRead
}
