// Package audit judges what processes take and leave, by the rules of a recipe.
//
// A recipe is YAML, or built by a program. Load and Build check all of it and report every
// mistake with its place; what is loaded cannot fail later.
//
//	process_recipes:
//	  _limits:                                    # a template: only there to be inherited
//	    outputs: [{field: domain.pressure, max: 6.0, level: S}]
//	  open_valve:
//	    inherits: _limits
//	    inputs:
//	      - {field: minutes, min: 1, max: 30, level: B}   # two rules
//	    outputs:
//	      - {field: domain.accounts.*.balance, min: 0, level: B, message: "overdrawn"}
//	      - {field: "domain.moisture.mean()", max: 0.8, threshold: 3}
//
// Its few types:
//
//   - Rule is one condition on one Field at one Gate; condition.go is the table of conditions.
//   - Value is what the host says about a field. The kernel never reads an object: a Plan lists
//     what a gate Needs, the host hands it in, and Judge answers with a Verdict.
//   - Auditor holds the recipe in force, the counts, the Log of events and the interlock.
//
// The life of one run, at each gate:
//
//	host                               auditor
//	Stopped()                      ->  not nil: refuse the run
//	Plan(process, gate).Needs()    ->  fields, and what to find out about each
//	Judge(&run, values)            ->  nil: go on. Otherwise log the events, and if the verdict
//	                                   Refuses, roll back and raise the cause
//
// All fails closed: a value that is absent, of a kind the condition does not know, or could not
// be read, violates. None is a value. Numbers are compared as Python does, exactly; NaN is neither
// above, below nor equal to anything.
//
// Inheritance: inherited rules come first. A rule of its own on the same gate, field and condition
// replaces them, and keeps the settings it does not say.
//
// Beside recipes there are schemas, which say of what type fields are: see schema.go.
//
// Caveats: a wildcard that finds nothing is no violation. A run of a process inside another is
// counted again when the outer one is repeated after a conflict. Counts belong to the auditor and end with it.
package audit
