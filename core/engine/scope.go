package engine

import (
	"encoding/binary"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/registry"
)

// scope is what one process may do inside a certain chain of callers: its own contract, cut with
// theirs. It is made the first time a chain occurs and never changes.
type scope struct {
	// processes[0] is the process itself, its callers follow, the nearest first.
	//
	// Invariant: no process occurs twice; policies[i] is that of processes[i].
	processes []registry.ID
	policies  []*contract.Policy
	root      guard.Shape
	inner     map[registry.ID]uint32 // process that runs inside this scope -> its scope
}

// scopes is the table of all scopes of an engine. A scope is named by its index; scope 0 is the
// outside, where nothing runs and nothing is cut.
//
// A chain that calls itself adds nothing: the rights of A inside B inside A are those of A inside
// B. So the table is bounded by the orders in which different processes call each other, not by
// how deep they do.
type scopes struct {
	shapes *guard.Shapes
	list   []*scope
	known  map[string]uint32 // key of the chain -> scope
}

func newScopes(shapes *guard.Shapes) scopes {
	outside := &scope{inner: make(map[registry.ID]uint32)}
	return scopes{shapes: shapes, list: []*scope{outside}, known: make(map[string]uint32)}
}

func (s *scopes) get(index uint32) *scope { return s.list[index] }

// enter gives the scope of a process inside another scope.
func (s *scopes) enter(outer uint32, id registry.ID, policy func(registry.ID) (*contract.Policy, error)) (uint32, error) {
	around := s.list[outer]
	if index, ok := around.inner[id]; ok {
		return index, nil
	}
	p, err := policy(id)
	if err != nil {
		return 0, err
	}
	sc := &scope{
		processes: []registry.ID{id},
		policies:  []*contract.Policy{p},
		inner:     make(map[registry.ID]uint32),
	}
	for i, caller := range around.processes {
		if caller != id {
			sc.processes = append(sc.processes, caller)
			sc.policies = append(sc.policies, around.policies[i])
		}
	}
	key := sc.key()
	index, ok := s.known[key]
	if !ok {
		sc.root = s.shapes.Root(sc.policies...)
		index = uint32(len(s.list))
		s.list = append(s.list, sc)
		s.known[key] = index
	}
	around.inner[id] = index
	return index, nil
}

// key spells the chain.
func (sc *scope) key() string {
	key := make([]byte, 0, 4*len(sc.processes))
	for _, id := range sc.processes {
		key = binary.LittleEndian.AppendUint32(key, uint32(id))
	}
	return string(key)
}
