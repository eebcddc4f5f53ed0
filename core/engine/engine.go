package engine

import (
	"sync"
	"sync/atomic"

	"github.com/theus-project/theus/core/audit"
	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/registry"
	"github.com/theus-project/theus/core/transaction"
	"github.com/theus-project/theus/core/zone"
)

// Edit is the process that stands for edit(): it is always there and may do everything. Workflow is
// the one that stands for the conditions of a workflow: it is always there too, may read everything
// and writes nothing. No rule of an audit is about either.
const (
	Edit     registry.ID = 0
	Workflow registry.ID = 1<<32 - 1
)

// Engine runs processes.
type Engine struct {
	registry *registry.Registry
	shapes   *guard.Shapes
	rights   rights
	edit     *contract.Policy
	workflow *contract.Policy
	auditor  *audit.Auditor
	auditing *contract.Policy // under which its rules read
	schema   atomic.Pointer[audit.Schema]
	closed   atomic.Bool // changes once, with mu held
	learns   atomic.Bool // changes once, before anything is registered

	mu     sync.Mutex // protects the fields below; a leaf: nothing under it blocks or calls out
	lane   *transaction.Lane
	scopes scopes
	judged map[judged]int
	// Invariant: 0 is no key of runs. Those that were counted for something and are not over.
	runs      map[uint64]*audit.Run
	newestRun uint64
}

// New opens an engine.
func New(o Options) (*Engine, error) {
	depth, err := o.depth()
	if err != nil {
		return nil, err
	}
	auditor, err := audit.New(audit.Options{})
	if err != nil {
		return nil, err
	}
	shapes := guard.NewShapes()
	return &Engine{
		registry: registry.New(),
		shapes:   shapes,
		rights:   rights{shapes},
		edit:     contract.Everything("edit"),
		workflow: contract.Readable("workflow"),
		auditor:  auditor,
		auditing: contract.Readable("audit"),
		lane:     transaction.NewLane(depth, o.LastSerial),
		scopes:   newScopes(shapes),
		judged:   make(map[judged]int),
		runs:     make(map[uint64]*audit.Run),
	}, nil
}

// Close ends the engine and every transaction it still has. The number it returns is for
// Options.LastSerial.
func (e *Engine) Close() (lastSerial uint32, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.open(); err != nil {
		return 0, err
	}
	e.closed.Store(true)
	return e.lane.Close(), nil
}

// open fails if the engine was closed. With the mutex held it stays as it is until the release.
func (e *Engine) open() error {
	if e.closed.Load() {
		return fault.New(fault.Closed, "the engine was closed")
	}
	return nil
}

// Open counts the transactions that are not over.
func (e *Engine) Open() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lane.Open()
}

// Version is the number of the newest commit, 0 before the first.
func (e *Engine) Version() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lane.Newest()
}

// Register compiles a contract and files it under its name. A process of that name that was there
// before stays what it is for those who hold its ID, and is no longer found.
func (e *Engine) Register(c contract.Contract) (registry.ID, error) {
	if err := e.open(); err != nil {
		return 0, err
	}
	compile := contract.Compile
	if e.learns.Load() {
		compile = contract.Learn
	}
	policy, err := compile(c)
	if err != nil {
		return 0, err
	}
	return e.registry.Add(policy), nil
}

// Find gives the process of a name.
func (e *Engine) Find(name string) (registry.ID, error) {
	if err := e.open(); err != nil {
		return 0, err
	}
	return e.registry.Find(name)
}

// policy gives the policy of a process, those included that are always there.
func (e *Engine) policy(id registry.ID) (*contract.Policy, error) {
	switch id {
	case Edit:
		return e.edit, nil
	case Workflow:
		return e.workflow, nil
	}
	if p, ok := e.registry.Get(id); ok {
		return p, nil
	}
	return nil, fault.New(fault.NotFound, "no process has number %d", id)
}

// Child answers for one step below a shape.
func (e *Engine) Child(shape guard.ID, seg path.Segment) (guard.Shape, error) {
	if err := e.open(); err != nil {
		return guard.Shape{}, err
	}
	return e.shapes.Child(shape, seg)
}

// Items answers at once for the items of a container at a shape.
func (e *Engine) Items(shape guard.ID) (guard.Shape, error) {
	if err := e.open(); err != nil {
		return guard.Shape{}, err
	}
	return e.shapes.Items(shape)
}

// Decide answers for a whole path what a process may do there when no other is around it.
func (e *Engine) Decide(process registry.ID, where path.Path) (guard.Shape, error) {
	if err := e.open(); err != nil {
		return guard.Shape{}, err
	}
	policy, err := e.policy(process)
	if err != nil {
		return guard.Shape{}, err
	}
	return e.shapes.At(e.shapes.Root(policy).ID, where)
}

// Deny makes the refusal for what the process of a transaction tried on a path. It always returns
// an error; that of a transaction that is over is a fault.Ended.
func (e *Engine) Deny(tx transaction.ID, tried guard.Tried, where path.Path, detail string) error {
	policies, err := e.policies(tx)
	if err != nil {
		return err
	}
	if tried < guard.Read || tried > guard.Store {
		return fault.New(fault.Invalid, "a process cannot try %d", tried)
	}
	return guard.Deny(policies, tried, where, detail)
}

// policies gives those of a transaction, its own first. They never change.
func (e *Engine) policies(tx transaction.ID) ([]*contract.Policy, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.open(); err != nil {
		return nil, err
	}
	t, err := e.lane.Find(tx)
	if err != nil {
		return nil, err
	}
	return e.scopes.get(t.Scope()).policies, nil
}

// rights answers the transaction's questions about shapes.
type rights struct{ shapes *guard.Shapes }

var _ transaction.Rights = rights{}

func (r rights) Write(shape uint32) (allowed, heavy, known bool) {
	s, ok := r.shapes.Get(guard.ID(shape))
	return s.Bits&guard.MayWrite != 0, s.Zone == zone.Heavy, ok
}
