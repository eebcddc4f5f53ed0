package engine

import (
	"github.com/theus-project/theus/core/audit"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/registry"
	"github.com/theus-project/theus/core/transaction"
)

// Recipe is a text that holds one, and where it comes from.
type Recipe struct {
	Name  string // of the file, for messages
	Text  []byte // YAML
	Built bool   // the text was made by a program: messages name rules, not lines
	// Checks is the language of rules across fields; nil refuses them.
	Checks audit.Language
}

// Load reads a recipe. What is wrong with it is a fault.Config, which lists every problem.
func (r Recipe) Load() (*audit.Recipe, error) {
	recipe, err := audit.Loader{Built: r.Built, Language: r.Checks}.Load(r.Name, r.Text)
	return recipe, asConfig(err)
}

// AuditPlan is what one gate of a process has to be handed.
type AuditPlan struct {
	Generation uint64       // of the rules; Judge wants it back
	Needs      []audit.Need // none: the gate has no rules, nothing is judged
	Root       guard.Shape  // under which rules read: everything, and nothing is written
}

// Judgement is what a gate said that did not refuse.
type Judgement struct {
	Stale  bool // the rules were replaced: ask for the plan again, nothing was judged
	Events int  // new in the log
	// Run names what the run was counted for, if it was for anything. An attempt that repeats it
	// after a conflict hands it in, and is counted once with it; ForgetRun ends it.
	Run uint64
	// Needs is what checks lack beside what they were handed. Nothing was judged; Judge wants to be
	// called again, with the values of these after those it had.
	Needs []audit.Need
}

// LoadAudit puts a recipe in force, all of it at once. One with a mistake changes nothing.
// Every lease ends with it.
func (e *Engine) LoadAudit(r Recipe) error {
	if err := e.open(); err != nil {
		return err
	}
	recipe, err := r.Load()
	if err != nil {
		return err
	}
	e.auditor.Replace(recipe)
	return nil
}

// AuditPlan gives what a gate of a process needs.
func (e *Engine) AuditPlan(process registry.ID, g audit.Gate) (AuditPlan, error) {
	if err := e.open(); err != nil {
		return AuditPlan{}, err
	}
	policy, err := e.policy(process)
	if err != nil {
		return AuditPlan{}, err
	}
	if g != audit.Input && g != audit.Output {
		return AuditPlan{}, fault.New(fault.Invalid, "there is no gate %d", g)
	}
	generation := e.auditor.Generation()
	plan := AuditPlan{Generation: generation, Root: e.shapes.Root(e.auditing)}
	if p := e.auditor.Plan(policy.Name(), g); p != nil && process != Edit && process != Workflow {
		plan.Generation, plan.Needs = p.Generation(), p.Needs()
	}
	return plan, nil
}

// Judge asks the rules of a gate about what a process takes or leaves: in a transaction, or, if tx
// is 0, in a run under a lease. A refusal is a fault.AuditBlock or fault.AuditInterlock; the host
// drops the run then. The stamp is copied to the events. The run is that of an earlier attempt or
// gate, or 0.
func (e *Engine) Judge(process registry.ID, tx transaction.ID, g audit.Gate, generation uint64, stamp int64, run uint64, values []audit.Value) (Judgement, error) {
	policy, err := e.policy(process)
	if err != nil {
		return Judgement{}, err
	}
	if err := e.judging(process, tx); err != nil {
		return Judgement{}, err
	}
	plan := e.auditor.Plan(policy.Name(), g)
	now := plan.Generation()
	if plan == nil {
		now = e.auditor.Generation()
	}
	if now != generation {
		return Judgement{Stale: true, Run: run}, nil
	}
	known, err := e.runOf(run)
	if err != nil {
		return Judgement{}, err
	}
	known.Stamp = stamp
	verdict, more := plan.Try(known, values)
	if len(more) > 0 {
		return Judgement{Needs: more, Run: run}, nil
	}
	if verdict.Refuses() {
		return Judgement{}, refusal(verdict)
	}
	if g == audit.Output {
		e.mu.Lock()
		e.judged[judged{process, tx}]++
		e.mu.Unlock()
	}
	if verdict == nil {
		return Judgement{Run: run}, nil
	}
	return Judgement{Events: len(verdict.Events), Run: e.remember(run, known)}, nil
}

// runOf gives what an earlier attempt was counted for.
func (e *Engine) runOf(run uint64) (*audit.Run, error) {
	if run == 0 {
		return new(audit.Run), nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	known := e.runs[run]
	if known == nil {
		return nil, fault.New(fault.Ended, "this run is not known to the audit, or was forgotten")
	}
	return known, nil
}

// remember names a run for the attempts that may follow.
func (e *Engine) remember(run uint64, known *audit.Run) uint64 {
	if run != 0 {
		return run
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.newestRun++
	e.runs[e.newestRun] = known
	return e.newestRun
}

// ForgetRun ends a run that Judge named: no further attempt of it follows.
func (e *Engine) ForgetRun(run uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.open(); err != nil {
		return err
	}
	delete(e.runs, run)
	return nil
}

// judged names a run whose output rules were asked. tx is 0 for those under a lease, of which
// several may run at once: they are counted.
type judged struct {
	process registry.ID
	tx      transaction.ID
}

// judging fails if the transaction is not one of this process.
func (e *Engine) judging(process registry.ID, tx transaction.ID) error {
	if err := e.open(); err != nil || tx == 0 {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.lane.Find(tx)
	if err == nil && e.scopes.get(t.Scope()).processes[0] != process {
		err = fault.New(fault.Invalid, "this is no transaction of process %d", process)
	}
	return err
}

// judgedLocked takes the word of its output rules from a run that is over.
func (e *Engine) judgedLocked(asked judged) {
	if len(e.judged) == 0 {
		return
	}
	if e.judged[asked]--; e.judged[asked] <= 0 {
		delete(e.judged, asked)
	}
}

// refusal is what the caller of a refused process gets.
func refusal(v *audit.Verdict) *fault.Error {
	kind := fault.AuditBlock
	if v.Level > audit.Block {
		kind = fault.AuditInterlock
	}
	r := v.Cause.Rule
	return &fault.Error{
		Kind:    kind,
		Process: r.Process,
		Path:    v.Cause.Path,
		Detail:  v.Cause.Text,
		Text:    v.Cause.Text,
	}
}

// ResetInterlock ends the stop that a rule of level S caused, and reports whether there was one.
func (e *Engine) ResetInterlock() (bool, error) {
	if err := e.open(); err != nil {
		return false, err
	}
	return e.auditor.Reset() != nil, nil
}

// Auditor gives the log of events, the interlock and the recipe in force.
func (e *Engine) Auditor() *audit.Auditor { return e.auditor }

// running refuses a process while the engine is stopped. edit() stays possible, for repairs.
func (e *Engine) running(process registry.ID) error {
	cause := e.auditor.Stopped()
	if cause == nil || process == Edit {
		return nil
	}
	return &fault.Error{
		Kind:    fault.AuditInterlock,
		Process: cause.Rule.Process,
		Path:    cause.Path,
		Detail:  "the engine is stopped",
		Hint:    "mend the state in engine.edit(), then call engine.reset_interlock()",
		Text: "the engine is stopped: " + cause.Text +
			"\n  fix:           mend the state in engine.edit(), then call engine.reset_interlock()",
	}
}

// passedLocked refuses a run that returned but may not leave: the engine was stopped while it ran,
// or its output rules were not asked.
func (e *Engine) passedLocked(t *transaction.Transaction, asked judged) error {
	if e.auditor.Generation() == 0 {
		return nil
	}
	sc := e.scopes.get(t.Scope())
	process, policy := sc.processes[0], sc.policies[0]
	if err := e.running(process); err != nil {
		return err
	}
	if process == Edit || process == Workflow || e.judged[asked] > 0 || e.auditor.Plan(policy.Name(), audit.Output) == nil {
		return nil
	}
	return fault.New(fault.Invalid, "process '%s' returned, but its output rules were not asked", policy.Name())
}
