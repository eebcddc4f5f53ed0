// Package path says where a piece of state lives: typed segments from the root of a context.
//
// A path is an array of segments, never a string that is parsed twice. The attribute x, the key
// "x", the index 1 and the key "1" are different segments, and so is the key "a.b", which is one:
//
//	domain_ctx.items[3].name    three attributes and an index
//	domain_ctx.rates["a.b"]     two attributes and a text key
//
// What users write in a contract is coarser, since the author of a contract names a thing and
// not the way Python stores it. Parse gives such a pattern, made of four kinds of segment:
//
//	.x        Name  the attribute x or the text key "x"
//	["x"]     Text  the text key "x" only; also ['x']
//	[0]       Int   the index 0 or the integer key 0
//	.*  [*]   Any   whatever stands there, exactly one segment
//
// At the root, and only there, domain stands for domain_ctx and global for global_ctx; Parse
// gives the long spelling.
//
// Paths met at run time have the kinds Attr, Text, Int and Other. Segment.Matches and Path.Covers
// compare a pattern with such a path. A pattern may be asked about as well: a Name then means the
// attribute, and only an Any covers an Any.
//
// Paths and segments are values: nothing in this package changes one, and any number of
// goroutines may share them.
package path
