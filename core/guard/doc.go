// Package guard answers whether a process may do something to a path: one answer for every way
// in.
//
// The answer for one contract at one path is a Shape: what may be done there, in which zone it
// lies. A host asks for the shape of the root when a process begins, for the shape of a child
// when a name is met for the first time, and keeps what it got: a shape never changes. So in
// steady state a read asks nobody.
//
// Shapes are the states of a lazily built automaton, not of the user's data. All places where a
// policy has the same to say, now and further down, share one shape: below an output every key
// of a dict of a million has the shape of its neighbour, mostly that of the dict itself. The
// number of shapes follows the number of declared paths, never the amount of state.
//
// A process that runs inside another one is guarded by both contracts. Its shapes are those of
// the intersection: written if all may write, read if all may read, and walked through if all may
// at least walk. Walking through is granted even where the two have no declared path in common
// further down, since every step from there is then denied: such a view shows nothing.
//
// Deny explains a refusal. It decides nothing: it is told what was tried, and finds the words.
package guard
