// Package registry files compiled contracts under the names of their processes.
package registry

import (
	"fmt"
	"slices"
	"sync"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/internal/spell"
)

// ID names a registered process within one registry. 0 is no process.
type ID uint32

// Registry is the table of the processes of one engine. It only grows: registering a name again
// makes a new ID, and the old one stays good for whoever holds it. Any number of goroutines may
// use it.
type Registry struct {
	mu       sync.RWMutex       // protects the fields below; a leaf: nothing is called with it held
	policies []*contract.Policy // policies[id-1]
	newest   map[string]ID
}

// New makes an empty registry.
func New() *Registry { return &Registry{newest: make(map[string]ID)} }

// Add files a policy under its name and gives its ID. From now on Find gives this one.
func (r *Registry) Add(p *contract.Policy) ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.policies = append(r.policies, p)
	id := ID(len(r.policies))
	r.newest[p.Name()] = id
	return id
}

// Find gives the newest process of a name. If there is none, it fails with fault.NotFound and
// the nearest name.
func (r *Registry) Find(name string) (ID, error) {
	r.mu.RLock()
	id, ok := r.newest[name]
	r.mu.RUnlock()
	if ok {
		return id, nil
	}
	e := &fault.Error{Kind: fault.NotFound, Process: name, Op: "find", Detail: "no process has this name"}
	e.Text = fmt.Sprintf("Process '%s' not found", name)
	e.Hint = "register it first"
	if e.Nearest = spell.Nearest(name, r.Names()); e.Nearest != "" {
		e.Hint = fmt.Sprintf("did you mean '%s'?", e.Nearest)
	}
	e.Text += "; " + e.Hint
	return 0, e
}

// Get gives the policy of an ID, also of one that Find no longer gives.
func (r *Registry) Get(id ID) (*contract.Policy, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if id == 0 || int(id) > len(r.policies) {
		return nil, false
	}
	return r.policies[id-1], true
}

// Names lists the names that Find knows, sorted.
func (r *Registry) Names() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	names := make([]string, 0, len(r.newest))
	for name := range r.newest {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
