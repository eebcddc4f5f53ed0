package engine

import (
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/registry"
)

// Names lists the processes that can be found, sorted.
func (e *Engine) Names() []string { return e.registry.Names() }

// Conflict gives a path that one of two processes may write and the other may read or write.
func (e *Engine) Conflict(a, b registry.ID) (where path.Path, conflict bool, err error) {
	p, err := e.policy(a)
	if err != nil {
		return nil, false, err
	}
	q, err := e.policy(b)
	if err != nil {
		return nil, false, err
	}
	where, conflict = p.Conflict(q)
	return where, conflict, nil
}

// Writes reports whether a process may write at, above or below a path.
func (e *Engine) Writes(process registry.ID, where path.Path) (bool, error) {
	p, err := e.policy(process)
	if err != nil {
		return false, err
	}
	return p.Touches(where), nil
}
