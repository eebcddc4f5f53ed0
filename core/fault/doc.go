// Package fault is the one error type of the kernel.
//
// Whatever goes wrong in core/ is a *fault.Error: a Kind that says whose fault it is, and the
// facts a host needs to raise its own exception without reading text. Ask with errors.Is and
// errors.As:
//
//	if errors.Is(err, fault.Write) { ... }
//
// The kinds are stable numbers, the statuses of capi/theus.h.
package fault
