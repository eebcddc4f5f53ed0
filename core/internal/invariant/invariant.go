// Package invariant holds assertions that are too dear to run always.
//
// Build with -tags invariants to turn them on. Without the tag Enabled is a constant false and the
// compiler removes what stands behind it:
//
//	if invariant.Enabled {
//		invariant.Check(len(a) == len(b), "a and b have the same length")
//	}
//
// A failed check is a bug of the kernel, never of its input, and panics.
package invariant

// Check panics with what should have held.
func Check(holds bool, what string) {
	if !holds {
		panic("invariant broken: " + what)
	}
}
