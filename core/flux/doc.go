// Package flux is the language of workflows: steps in YAML, with conditions that read the state.
//
// # Conditions
//
// A condition is written as Python is and means what it means in Python, as far as it is in the
// language; what is not in it is refused, with the place and what to write instead.
//
//	test        = or [ "if" or "else" test ]
//	or          = and { "or" and }
//	and         = not { "and" not }
//	not         = "not" not | comparison
//	comparison  = binary { ( "<" | "<=" | ">" | ">=" | "==" | "!=" | [ "not" ] "in" ) binary
//	                     | "is" [ "not" ] "None" }
//	binary      = operands of | ^ & << >> + - * / // % in Python's order of precedence
//	unary       = ( "-" | "+" | "~" ) unary | primary [ "**" unary ]
//	primary     = atom { "." name | "[" index "]" | "(" arguments ")" }
//	index       = test | [ test ] ":" [ test ] [ ":" [ test ] ]
//	arguments   = [ argument { "," argument } [ "," ] ] | test for
//	argument    = test | name "=" test
//	atom        = name | number | text { text } | "None" | "True" | "False"
//	            | "(" [ test { "," test } ] ")" | "[" [ test { "," test } ] "]"
//	            | "{" [ test { "," test } ] "}" | "{" test ":" test { "," test ":" test } "}"
//	            | "[" test for "]" | "{" test for "}" | "{" test ":" test for "}" | "(" test for ")"
//	for         = "for" name { "," name } "in" or { "for" ... | "if" or }
//
// Names are ctx (or system), domain (or domain_ctx), global (or global_ctx), local, and those of
// loops. What stands before parentheses is a function or a method of the lists in function.go and
// method.go. A name that starts with "_" is refused. Numbers, texts and their escapes are Python's;
// f-strings and bytes are not in the language.
//
// The pipeline is that of an interpreter, a file for each stage: token.go cuts the text, grammar.go
// reads it into the tree of syntax.go, translate.go makes a Starlark function of that, expr.go
// evaluates it. Evaluations pull: one asks for the values it needs, and begins again with them.
//
// Work is bounded: steps, and the size of all that is made, before it is made.
package flux
