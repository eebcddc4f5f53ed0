package guard

import (
	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/path"
)

// Deny makes the refusal for what a process tried on a path. The first policy is that of the
// process itself; those of its callers follow, the nearest first.
func Deny(policies []*contract.Policy, tried Tried, p path.Path, detail string) *fault.Error {
	return fault.New(fault.Read, "Illegal Read: '%s'", p)
}
