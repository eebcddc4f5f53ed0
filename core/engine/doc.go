// Package engine runs processes, as a stepper: it says what comes next, the host does it.
//
// The life of one call:
//
//	host                                    engine
//	Begin(process, outer)           ->      resolve the name's contract; cut it with the caller's;
//	                                        order the transaction
//	                                <-      Run, with the shape of the root (or Wait)
//	AuditPlan(process, Input)       ->      once, until rules are replaced: what rules look at
//	Judge(tx, Input, values)        ->      refused, or go on; nothing where there are no rules
//	runs the process; a shape tells it what each line may do; appends a record for each write
//	Judge(tx, Output, values)       ->      the same, on the state as it would be
//	Finish(tx, outcome, records)    ->      validate, decide
//	                                <-      Commit | Apply | Done | Keep | Drop
//	applies or drops its overlay
//	Applied(tx, all stand)          ->      only after Apply: make the version, or not
//	                                <-      Done | Drop
//
// An Engine knows contracts, shapes, transactions and their order. It holds no state of the user,
// calls nobody, waits for nothing and starts no goroutine, so a host may call it with any lock of
// its own held. Any number of goroutines may use it; one transaction belongs to one at a time.
//
// Every error is a *fault.Error. After Close each call fails with fault.Closed.
package engine
