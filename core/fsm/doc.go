// Package fsm checks the definitions of state machines. It runs none: states, buses, threads and
// timers belong to the host.
//
//	machine    = { states: { NAME: state, ... }, initial: NAME, name: any, description: any, version: any }
//	state      = nothing | { on: { EVENT: targets }, entry: STEPS, on_exit: STEPS, after: TIMER or list of them }
//	targets    = target | [ target, ... ]
//	target     = NAME | { target: NAME, when: CONDITION }
//	TIMER      = "5s -> EVENT", in ms, s, m or h
//
// STEPS and CONDITION are those of core/flux. Of the targets of an event the first counts whose
// condition holds; one without a condition always does, so it stands last.
//
// Older spellings: initial_state and start_state for initial, events and transitions for on, process
// for entry. In a dict the key True counts as on, which YAML 1.1 makes of it.
//
// What is checked, all of it in one report with places: keys, names of states and processes, steps
// and conditions; that there is a start, that each state can be reached from it, and that what a
// timer emits moves the state it belongs to.
package fsm
