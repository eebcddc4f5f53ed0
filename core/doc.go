// Package core is the kernel on one page. It has no code of its own: its folders are its nouns.
//
//	fault        the one error type; its kinds are the statuses of the C ABI
//	path         where a piece of state lives: typed segments; what users spell, parsed once
//	zone         how the kernel treats a field, by the prefix of its name
//	host         all that the kernel asks of the outside
//	contract     what a process declares, and the policy that compiles to
//	registry     name -> process
//	guard        may this process do this to that path: one answer for every way in
//	transaction  begin, savepoint, commit, drop; the order of commits
//	heavy        facts about arrays, found where they lie
//	audit        rules at the input and the output gate; levels, thresholds, interlock
//	engine       runs processes: joins all of the above
//	flux         workflows and conditions, checked as a whole and stepped; capi joins it to engine
//	check        rules across fields: the conditions of flux in the recipes of audit
//	fsm          definitions of state machines, checked as a whole; hosts run them
//
// The life of one call, seen from here:
//
//  1. A host registers a contract; it is compiled into a policy and filed. A contract that could
//     not be kept is refused now, not when it is first run.
//  2. The engine begins a transaction for the process and hands out the shape of the root: what
//     this contract, cut with those of its callers, allows at the system context.
//  3. The host runs the process. For each name met for the first time it asks for the shape of
//     the child, and keeps the answer; for each write it appends a record. What a shape does not
//     allow, it refuses, in the words of guard.Deny.
//  4. The host reports how the process ended. The engine checks the records and answers: commit,
//     or drop. Dropping needs no undoing, since nothing was written yet.
//
// The kernel decides and the host carries out. The kernel never sees an object of the user, knows
// no Python, and calls nobody. It has no clock, no randomness and no goroutine of its own: the
// same calls give the same answers, in a test, a browser or a cluster.
//
// Who may import whom is a list with reasons, and a test: layers_test.go.
package core
