package flux

import "fmt"

// expr is a node of a condition. What is common to all is where it stands: a byte offset.
type expr interface{ pos() int }

type at int

func (a at) pos() int { return int(a) }

type (
	// constant is None, True, a number or a text: nil, bool, int64, *big.Int, float64 or string.
	constant struct {
		at
		value any
	}
	name struct {
		at
		id string
	}
	// attribute is x.name, and stands where the name does.
	attribute struct {
		at
		x    expr
		name string
	}
	// index is x[i], and stands where the bracket does.
	index struct {
		at
		x, i expr
	}
	// slice is x[low:high:step]; each of the three may be nil.
	slice struct {
		at
		x, low, high, step expr
	}
	// call is fn(args, key=value); fn is a name or an attribute.
	call struct {
		at
		fn   expr
		args []expr
		keys []string
		vals []expr
	}
	// unary is an operator before its operand: "-", "+", "~" or "not".
	unary struct {
		at
		op string
		x  expr
	}
	// binary is an operator between two operands, and stands where the operator does.
	binary struct {
		at
		op   string
		x, y expr
	}
	// comparison is x op y op z; more than one operator make a chain.
	comparison struct {
		at
		x    expr
		ops  []string
		opAt []int
		ys   []expr
	}
	// logic is x and y, x or y.
	logic struct {
		at
		op   string
		x, y expr
	}
	// conditional is yes if test else no.
	conditional struct {
		at
		test, yes, no expr
	}
	// display is [a, b], (a, b) or {a, b}; kind is the opening bracket.
	display struct {
		at
		kind  byte
		items []expr
	}
	// mapping is {key: value}.
	mapping struct {
		at
		keys, vals []expr
	}
	// comprehension is [body for ...], {body for ...}, {key: body for ...} or, with the kind "(",
	// a generator expression.
	comprehension struct {
		at
		kind    byte
		key     expr // of a dict; nil otherwise
		body    expr
		clauses []clause
	}
)

// clause is "for targets in x", or "if x" when there are no targets.
type clause struct {
	at
	targets []name
	unpack  bool // for a, b in x: each item is taken apart, even by one name
	x       expr
}

// syntaxError says what is wrong with a condition and where.
type syntaxError struct {
	at   int
	text string
}

func fail(at int, format string, args ...any) *syntaxError {
	return &syntaxError{at, fmt.Sprintf(format, args...)}
}
