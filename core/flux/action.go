package flux

// Do says what the host does next. The numbers are part of the ABI.
type Do uint8

const (
	// DoRun: run Process with Args, and answer with its failure, if any.
	DoRun Do = 1
	// DoRead: answer with one reading for each of Needs.
	DoRead Do = 2
	// DoSleep: come back after so many Seconds. After 0, which is a pause in long work, at once, but
	// not before others had their turn.
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
	Do      Do
	Place   Place // of the step
	Step    int   // its number in the program, from 0; -1 is none
	Depth   int   // of the step: how many steps stand around it
	Process string
	Index   int // of Process in Program.Processes
	Args    []Arg
	// Needs of DoRead. Those of DoRun are wanted as soon as the process has succeeded: a host that
	// reads them then and hands them in with its answer saves a round.
	Needs    []Need
	First    int  // number of the first of Needs in Program.Needs, and the others follow; -1: they are not there
	Fresh    bool // DoRead: an evaluation begins; what is read until the next one should be of one state
	Repeat   *Repeat
	Seconds  float64
	Branches []*Run
	Failure  *Failure
	Value    Value // of DoDone, if the program is a Question
}

// Repeat lets the host go round a loop by itself, which saves a round for each turn: as long as a run
// of the process succeeds, the reading of the one need is an integer of 64 bits that compares with
// Bound as Op says, or with IsTrue a bool that is true, and it was not done Times times, the host may
// run the process again. Then it answers for the last of these runs, and tells how many there were.
type Repeat struct {
	Op    Op
	Bound int64
	Times int64
}

// Op is how two numbers compare. The numbers are part of the ABI.
type Op uint8

const (
	Less         Op = 1
	LessEqual    Op = 2
	Greater      Op = 3
	GreaterEqual Op = 4
	Equal        Op = 5
	NotEqual     Op = 6
	IsTrue       Op = 7
)

// Arg is a keyword argument. Its value may be a place: then it is what stands there.
type Arg struct {
	Name  string
	Value Value
}

// Answer tells how an action went. The zero Answer begins a run, and tells of success.
type Answer struct {
	Failure  *Failure  // DoRun
	Readings []Reading // DoRead; DoRun, for all of Needs or none
	Turns    int64     // DoRun with Repeat: how often the process ran again
}
