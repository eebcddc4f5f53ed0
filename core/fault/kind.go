package fault

// Kind says what went wrong and whose fault it is. It is an error itself, so that errors.Is can
// compare with it. The numbers are the statuses of capi/theus.h and never change; 0 is no fault.
type Kind int32

const (
	// Invalid is returned when an argument is malformed: a path, a contract, an option, a handle.
	Invalid Kind = 1
	// NotFound is returned when no process has the name that was asked for.
	NotFound Kind = 2
	// Read is returned when a process reads a path its contract does not let it see.
	Read Kind = 3
	// Write is returned when a process changes a path that is not at or below an output.
	Write Kind = 4
	// Frozen is returned when a process writes into something that is only an input.
	Frozen Kind = 5
	// Private is returned when process code uses an attribute whose name starts with "_".
	Private Kind = 6
	// Zone is returned when the zone of a path forbids its use: a SIGNAL or META input.
	Zone Kind = 7
	// Unsupported is returned when a value of a kind that cannot live in the context is met.
	Unsupported Kind = 8
	// Ended is returned when a transaction is used after its end.
	Ended Kind = 9
	// Closed is returned when an engine is used after its end, or a handle never was one.
	Closed Kind = 10
	// Busy is returned when another transaction stayed in charge for too long.
	Busy Kind = 11
	// Limit is returned when a bound of the kernel is reached, such as the nesting depth.
	Limit Kind = 12
	// Poisoned is returned when the engine met a panic of the kernel earlier.
	Poisoned Kind = 13
	// Panic is returned when the kernel itself failed in this call.
	Panic Kind = 14
	// AuditBlock is returned when a rule of level B refuses a run.
	AuditBlock Kind = 15
	// AuditInterlock is returned when a rule of level A or S refuses a run, and for each later run
	// while the engine is stopped by one of level S.
	AuditInterlock Kind = 16
	// Config is returned when a file of settings, such as a recipe, is malformed; the text lists
	// each problem with its place.
	Config Kind = 17
	// Conflict is returned when a transaction lost against a commit and may not run again.
	Conflict Kind = 18
	// Schema is returned when a value that was written is not of the type that a schema says.
	Schema Kind = 19
)

var _ error = Kind(0)

var kinds = [...]string{
	0:           "no fault",
	Invalid:     "invalid argument",
	NotFound:    "not found",
	Read:        "illegal read",
	Write:       "illegal write",
	Frozen:      "write into an input",
	Private:     "private name",
	Zone:        "zone policy violation",
	Unsupported: "unsupported value",
	Ended:       "transaction has ended",
	Closed:      "engine is closed",
	Busy:        "another transaction is in charge",
	Limit:       "limit reached",
	Poisoned:    "engine is poisoned",
	Panic:       "kernel panic",

	AuditBlock:     "blocked by a rule",
	AuditInterlock: "stopped by a rule",
	Config:         "malformed settings",
	Conflict:       "lost against a commit",
	Schema:         "value is not of the declared type",
}

// Error names the kind.
func (k Kind) Error() string {
	if k < 0 || int(k) >= len(kinds) {
		return "unknown fault"
	}
	return kinds[k]
}
