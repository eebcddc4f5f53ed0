// Package hosttest is a host in plain Go, as small as one can be: state is a tree of maps, a
// process is a few lines of text.
//
// It does what any host must. It holds the objects; it walks shapes before it touches one; it
// keeps the writes of a process to itself and a record of each; and it carries out the actions of
// the engine. What it leaves out is speed: each transaction works on a copy of the whole tree,
// which makes dropping one obviously right.
//
// Two things make it fit for tests. It counts the references it lent to the kernel, which must be
// none when nothing runs, and it can fail at the n-th write it applies.
//
// The language of the scripts is told in core/engine/testdata/README.md.
package hosttest
