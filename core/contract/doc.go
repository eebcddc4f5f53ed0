// Package contract turns what a process declares into a policy that can be walked.
//
// A Contract is text, as its author wrote it. Compile parses every entry once and gives a Policy:
// a trie over the declared paths in which each node knows whether an input or an output ends
// there. A Cursor is a place in that trie, or several at once where wildcards overlap; it moves
// one segment at a time, so whoever walks the state of a user walks the policy beside it:
//
//	c := policy.Start()                // at the system context
//	c = policy.Step(c, segment, zone)  // one attribute or item further down
//	c.Reads(), c.Writes(), c.Walks()   // what the process may do there
//
// The rules, for a path p of a process:
//
//	written   if an output equals p or lies above it
//	read      if it may be written, or an input equals p or lies above it and the zone of p may
//	          be an input (SIGNAL and META may not)
//	walked    if it may not be read, and a declared path that could be read lies below it
//
// All else is denied. A policy never changes after Compile; any number of goroutines may use it.
package contract
