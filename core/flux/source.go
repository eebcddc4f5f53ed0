package flux

import "github.com/theus-project/theus/core/path"

// Source is a workflow before it was read.
type Source struct {
	Name string // for messages, and what the host knows the file by
	Text []byte // YAML; or, of a Dict, JSON
	Dict bool   // the workflow was given as a dict: places are those inside it
	// Part is the number of the node that holds the steps, see Document.Number, where they stand in a
	// document of another kind. 0: all of it is the workflow.
	Part int
}

// Surroundings are what a workflow is checked against. Load asks them, nothing else does, and they
// must give the same answer to the same question while it runs.
type Surroundings struct {
	Processes Processes
	Contracts Contracts // nil: no workflow may have parallel branches
	Files     Files     // nil: no workflow may call another
}

// Processes knows what can be run.
type Processes interface {
	// Process tells whether there is a process of that name, and which arguments it takes.
	Process(name string) (p Process, ok bool)
	// Names lists all processes.
	Names() []string
}

// Process is what can be known of a process before it runs.
type Process struct {
	Arguments []string
	Open      bool // it takes arguments of any other name as well
}

// Contracts knows what processes may do to state.
type Contracts interface {
	// Conflict gives a path that one of two processes may write and the other may read or write.
	// A process may be asked about together with itself.
	Conflict(a, b string) (where path.Path, conflict bool)
	// Writes reports whether a process may write at, above or below a path.
	Writes(process string, p path.Path) bool
}

// Files finds the workflows that others call.
type Files interface {
	// Open reads the file that the text of another one names. The Name of what it gives must be the
	// same for the same file, however it was spelled.
	Open(name, from string) (Source, error)
}
