// Package flux is the language of workflows: steps in YAML, with conditions that read the state.
//
// # Workflows
//
// A workflow is a mapping, or just the list of its steps. Where a list of steps is wanted, one step
// alone will do. Any other key, and a second document, is an error; so is a key given twice.
//
//	workflow  = { steps: STEPS, name: any, description: any, version: any }
//	step      = NAME
//	          | { process: NAME, args: { ARGUMENT: value } }
//	          | { flux: run, steps: STEPS }
//	          | { flux: if, condition: TEST, then: STEPS,
//	              elif: [ { condition: TEST, then: STEPS } ], else: STEPS }
//	          | { flux: while, condition: TEST, do: STEPS, max: INTEGER }
//	          | { flux: for, each: TEST or list of values, as: NAME, do: STEPS }
//	          | { flux: call, workflow: FILE }
//	          | { flux: try, do: STEPS, catch: { EXCEPTION: STEPS }, finally: STEPS }
//	          | { flux: retry, times: INTEGER, backoff: SECONDS, on: EXCEPTION or list of them, do: STEPS }
//	          | { flux: parallel, branches: [ STEPS ] }
//	value     = what YAML has | ${{ TEST }}, which must be the whole text
//
// Each step but a bare name may have a name of its own, which is ignored. In a dict the key True
// counts as on, and what stands for a place is the way to it: steps[2].do[0].
//
//   - if: without elif and else, and while, do nothing when the condition is false.
//   - while: at most max turns; one more is a failure of the run. All loops share a budget.
//   - for: the items are those that were there when it began. An item that is a container is known
//     by its place, items[2], and is looked into when a condition wants to know more.
//   - call: the steps of another file, which sees no loop variables. No file may call itself.
//   - try: the first name in the order of the file that is the class of the exception or one of its
//     bases. What is raised in a catch goes on outside. finally runs however the rest ended.
//   - retry: so many attempts in all, for the exceptions of on (Exception); backoff is waited before
//     the second one, twice as long before the third.
//   - parallel: branches of which none may write what another one reads or writes, which the
//     contracts tell; so any order gives the result of one after the other. The first branch in the
//     order of the file that failed gives the failure.
//
// Interrupts, interlocks and the limits cannot be caught and are not retried; finally runs.
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
// Load gives a Program and Program.Start a Run, which is a stepper as well:
//
//	host                          run
//	Step(Answer{})         ->
//	                       <-     Run P with these arguments | Read these values | Sleep | Fork
//	does it; Step(answer)  ->
//	                       <-     ... | Done | Fail, with the failure and its place
//
// Work is bounded: steps, and the size of all that is made, before it is made.
package flux
