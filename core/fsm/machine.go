package fsm

import "github.com/theus-project/theus/core/flux"

// Machine is a checked definition. It never changes.
type Machine struct {
	Name   string
	Start  string
	States []State // in the order of the definition
}

// State is one of them.
type State struct {
	Name  string
	Place flux.Place
	Entry Program
	Exit  Program
	Moves []Move // in the order of the definition
	After []Timer
}

// Program is a list of steps of Flux.
type Program struct {
	Steps     []flux.Node
	Part      int      // of the document: where to load them from, see flux.Source
	Processes []string // that it can run
}

// Move is what an event does: it leads to a state, if its condition holds.
type Move struct {
	Event  string
	Target string
	When   string // "" is no condition
	Place  flux.Place
}

// Timer emits an event so many seconds after its state was entered, if it was not left since.
type Timer struct {
	Seconds float64
	Event   string
	Place   flux.Place
}

// DefaultStart is the state to begin with if neither the definition nor the host names one.
const DefaultStart = "IDLE"

// names lists the states.
func (m *Machine) names() []string {
	all := make([]string, len(m.States))
	for i := range m.States {
		all[i] = m.States[i].Name
	}
	return all
}
