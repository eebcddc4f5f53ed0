package flux

import (
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/theus-project/theus/core/internal/spell"
	"github.com/theus-project/theus/core/path"
)

// A condition becomes the body of one Starlark function:
//
//	def condition(@env, $x, $y):      @env is the evaluation, $x and $y are loop variables
//	    return @lt(@env, @get(@env, 0), 5)
//
// The syntax tree is built here, not printed and parsed: every node keeps the place of the user's
// text it stands for. Names of ours start with "@" and those of the user with "$", so neither can
// be taken for the other, nor for a name of Starlark's.
//
// What Starlark does as Python does is left to it: and, or, not, if-else, comprehensions, the
// displays of lists and tuples. The operators, functions and methods go through builtins, because
// Starlark's differ (True == 1, lengths in characters, nan) or do not bound memory.
type translator struct {
	file   string
	scopes [][]string // the names of the comprehensions around, and of the loops outermost
	slots  []slot
	// certain is whether what is translated now is evaluated whenever the condition is.
	certain bool
	open    bool // names that are nothing else are variables
	chains  int
	err     *syntaxError
}

// slot is a value whose path the text of the condition tells.
type slot struct {
	need  Need
	first bool // it is needed whatever the other values are
}

// translate makes the function of a condition. vars are the loop variables around it; if it is open,
// names that are nothing else become such, and t.scopes[0] has them all.
func (t *translator) translate(x expr, vars []string, what What) (*syntax.File, []slot, *syntaxError) {
	t.scopes, t.certain = [][]string{vars}, true
	body := t.wanted(x, what)
	if what == Items {
		body = t.call(x.pos(), "@items", body)
	}
	if t.err != nil {
		return nil, nil, t.err
	}
	params := []syntax.Expr{&syntax.Ident{Name: "@env"}}
	for _, v := range t.scopes[0] {
		params = append(params, &syntax.Ident{Name: "$" + v})
	}
	return &syntax.File{Options: &syntax.FileOptions{}, Stmts: []syntax.Stmt{&syntax.DefStmt{
		Name:   &syntax.Ident{Name: "condition", NamePos: t.at(0)},
		Params: params,
		Body:   []syntax.Stmt{&syntax.ReturnStmt{Result: body}},
	}}}, t.slots, nil
}

func (t *translator) fail(at int, format string, args ...any) syntax.Expr {
	if t.err == nil {
		t.err = fail(at, format, args...)
	}
	return &syntax.Ident{Name: "None"}
}

func (t *translator) at(offset int) syntax.Position {
	return syntax.MakePosition(&t.file, 1, int32(offset)+1)
}

// call makes a call of one of our builtins.
func (t *translator) call(at int, fn string, args ...syntax.Expr) *syntax.CallExpr {
	return &syntax.CallExpr{
		Fn:     &syntax.Ident{Name: fn, NamePos: t.at(at)},
		Lparen: t.at(at),
		Args:   append([]syntax.Expr{&syntax.Ident{Name: "@env"}}, args...),
	}
}

// tuple has parentheses, without which an empty one has no place.
func (t *translator) tuple(at int, items []syntax.Expr) syntax.Expr {
	return &syntax.TupleExpr{Lparen: t.at(at), List: items, Rparen: t.at(at)}
}

func integer(n int64) syntax.Expr { return &syntax.Literal{Token: syntax.INT, Value: n} }
func text(s string) syntax.Expr   { return &syntax.Literal{Token: syntax.STRING, Value: s} }

func truth(b bool) syntax.Expr {
	if b {
		return &syntax.Ident{Name: "True"}
	}
	return &syntax.Ident{Name: "False"}
}

func none() syntax.Expr { return &syntax.Ident{Name: "None"} }

// perhaps translates what is not evaluated each time.
func (t *translator) perhaps(do func() syntax.Expr) syntax.Expr {
	defer func(was bool) { t.certain = was }(t.certain)
	t.certain = false
	return do()
}

// value translates an expression whose value is wanted.
func (t *translator) value(x expr) syntax.Expr { return t.wanted(x, Get) }

// wanted translates an expression of which what is wanted, if it is a place in the state.
func (t *translator) wanted(x expr, what What) syntax.Expr {
	switch x := x.(type) {
	case *constant:
		return t.constant(x)
	case *name, *attribute, *index:
		return t.chain(x, what)
	case *slice:
		part := func(x expr) syntax.Expr {
			if x == nil {
				return none()
			}
			return t.value(x)
		}
		return t.call(x.pos(), "@slice", t.wanted(x.x, Get), part(x.low), part(x.high), part(x.step))
	case *call:
		return t.called(x)
	case *unary:
		if x.op == "not" {
			return &syntax.UnaryExpr{OpPos: t.at(x.pos()), Op: syntax.NOT, X: t.value(x.x)}
		}
		return t.call(x.pos(), "@unary"+x.op, t.value(x.x))
	case *binary:
		return t.call(x.pos(), "@"+x.op, t.value(x.x), t.value(x.y))
	case *comparison:
		return t.comparison(x)
	case *logic:
		op := syntax.AND
		if x.op == "or" {
			op = syntax.OR
		}
		left := t.value(x.x)
		return &syntax.BinaryExpr{X: left, OpPos: t.at(x.pos()), Op: op, Y: t.perhaps(func() syntax.Expr { return t.value(x.y) })}
	case *conditional:
		test := t.value(x.test)
		return &syntax.CondExpr{If: t.at(x.pos()), Cond: test,
			True:  t.perhaps(func() syntax.Expr { return t.value(x.yes) }),
			False: t.perhaps(func() syntax.Expr { return t.value(x.no) })}
	case *display:
		return t.display(x)
	case *mapping:
		var pairs []syntax.Expr
		for i := range x.keys {
			pairs = append(pairs, t.tuple(x.pos(), []syntax.Expr{t.value(x.keys[i]), t.value(x.vals[i])}))
		}
		return t.call(x.pos(), "@dict", t.tuple(x.pos(), pairs))
	case *comprehension:
		if x.kind == '(' {
			return t.fail(x.pos(), "a generator expression can only be the one argument of %s; put it in [ ]", list(generators))
		}
		return t.comprehension(x)
	}
	panic("flux: an expression of unknown kind")
}

func (t *translator) constant(x *constant) syntax.Expr {
	pos := t.at(x.pos())
	switch v := x.value.(type) {
	case bool:
		return truth(v)
	case int64, *big.Int:
		return &syntax.Literal{Token: syntax.INT, TokenPos: pos, Value: v}
	case float64:
		return &syntax.Literal{Token: syntax.FLOAT, TokenPos: pos, Value: v}
	case string:
		return &syntax.Literal{Token: syntax.STRING, TokenPos: pos, Value: v}
	default:
		return none()
	}
}

func (t *translator) display(x *display) syntax.Expr {
	var items []syntax.Expr
	for _, item := range x.items {
		items = append(items, t.value(item))
	}
	switch x.kind {
	case '[':
		return &syntax.ListExpr{Lbrack: t.at(x.pos()), List: items}
	case '(':
		return t.tuple(x.pos(), items)
	default:
		return t.call(x.pos(), "@set", t.tuple(x.pos(), items))
	}
}

// bound reports whether a name is a loop variable or that of a comprehension.
func (t *translator) bound(id string) bool {
	return slices.ContainsFunc(t.scopes, func(s []string) bool { return slices.Contains(s, id) })
}

// meet makes a variable of a name that is nothing else, where the condition is open.
func (t *translator) meet(id string) {
	_, root := roots[id]
	_, function := functions[id]
	if t.open && !root && !function && !strings.HasPrefix(id, "_") && !t.bound(id) {
		t.scopes[0] = append(slices.Clone(t.scopes[0]), id)
	}
}

// roots are the names a path can start with, and how far they lead.
var roots = map[string]path.Path{
	"ctx": {}, "system": {},
	"domain": {{Kind: path.Attr, Name: path.Domain}}, path.Domain: {{Kind: path.Attr, Name: path.Domain}},
	"global": {{Kind: path.Attr, Name: path.Global}}, path.Global: {{Kind: path.Attr, Name: path.Global}},
	"local": {{Kind: path.Attr, Name: "local"}},
}

// link is one step of a chain: an attribute, or an index.
type link struct {
	at   int
	name string // of an attribute
	i    expr   // an index; nil for an attribute
}

// chain translates x.a[i].b as one reading, as far as it is one.
func (t *translator) chain(x expr, what What) syntax.Expr {
	var links []link
	base := x
	for {
		if a, ok := base.(*attribute); ok {
			links = append(links, link{at: a.pos(), name: a.name})
			base = a.x
			continue
		}
		i, ok := base.(*index)
		if !ok {
			break
		}
		links = append(links, link{at: i.pos(), i: i.i})
		base = i.x
	}
	slices.Reverse(links)
	var start syntax.Expr
	n, isName := base.(*name)
	if isName {
		t.meet(n.id)
	}
	switch {
	case isName && t.bound(n.id):
		start = &syntax.Ident{Name: "$" + n.id, NamePos: t.at(n.pos())}
	case isName:
		root, ok := roots[n.id]
		if !ok {
			return t.unknown(n)
		}
		fixed, rest := constants(root, links)
		if len(rest) == 0 {
			return t.get(x.pos(), Need{What: what, Path: fixed})
		}
		start, links = t.get(x.pos(), Need{What: walk, Path: fixed}), rest
	default:
		start = t.value(base)
	}
	if len(links) == 0 {
		return start
	}
	args := []syntax.Expr{start}
	for _, l := range links {
		if l.i == nil {
			args = append(args, truth(true), text(l.name))
		} else {
			args = append(args, truth(false), t.value(l.i))
		}
	}
	return t.call(links[len(links)-1].at, "@walk", args...)
}

// constants extends a path by the links whose segment the text tells.
func constants(root path.Path, links []link) (path.Path, []link) {
	p := slices.Clone(root)
	for i, l := range links {
		seg := path.Segment{Kind: path.Attr, Name: l.name}
		if l.i != nil {
			ok := false
			if seg, ok = constantKey(l.i); !ok {
				return p, links[i:]
			}
		}
		if len(p) == 0 {
			seg = seg.AtRoot()
		}
		p = append(p, seg)
	}
	return p, nil
}

func constantKey(x expr) (path.Segment, bool) {
	sign := int64(1)
	if u, ok := x.(*unary); ok && u.op == "-" {
		sign, x = -1, u.x
	}
	c, ok := x.(*constant)
	if !ok {
		return path.Segment{}, false
	}
	switch v := c.value.(type) {
	case int64:
		return path.Segment{Kind: path.Int, Index: sign * v}, true
	case string:
		return path.Segment{Kind: path.Text, Name: v}, sign == 1
	}
	return path.Segment{}, false
}

// get reads a slot.
func (t *translator) get(at int, n Need) syntax.Expr {
	i := slices.IndexFunc(t.slots, func(s slot) bool { return s.need.What == n.What && s.need.Path.Equal(n.Path) })
	if i < 0 {
		i = len(t.slots)
		t.slots = append(t.slots, slot{need: n})
	}
	t.slots[i].first = t.slots[i].first || t.certain && n.What != walk
	return t.call(at, "@get", integer(int64(i)))
}

func (t *translator) unknown(n *name) syntax.Expr {
	if _, ok := functions[n.id]; ok {
		return t.fail(n.pos(), "%q is a function; call it: %s(...)", n.id, n.id)
	}
	if strings.HasPrefix(n.id, "_") {
		return t.fail(n.pos(), "%q starts with an underscore: private names are not for conditions", n.id)
	}
	known := slices.Sorted(maps.Keys(roots))
	for _, s := range t.scopes {
		known = append(known, s...)
	}
	if near := spell.Nearest(n.id, known); near != "" {
		return t.fail(n.pos(), "there is no name %q here; did you mean %q?", n.id, near)
	}
	return t.fail(n.pos(), "there is no name %q here; state is read as domain.%s or global.%s", n.id, n.id, n.id)
}

var compareOps = map[string]string{
	"<": "@lt", "<=": "@le", ">": "@gt", ">=": "@ge", "==": "@eq", "!=": "@ne", "in": "@in", "not in": "@notin",
	"is": "@is", "is not": "@isnot",
}

// comparison translates a chain. Each operand is evaluated once, and those after the second one
// only if the comparisons before them hold.
func (t *translator) comparison(x *comparison) syntax.Expr {
	return t.compare(t.operand(x.x, x.ops[0], false), x.ops, x.opAt, x.ys)
}

func (t *translator) compare(left syntax.Expr, ops []string, at []int, ys []expr) syntax.Expr {
	if strings.HasPrefix(ops[0], "is") {
		if c, ok := ys[0].(*constant); !ok || c.value != nil {
			return t.fail(at[0], `"%s" is for None only; write "%s"`, ops[0], map[string]string{"is": "==", "is not": "!="}[ops[0]])
		}
	}
	fn := compareOps[ops[0]]
	if len(ops) == 1 {
		return t.call(at[0], fn, left, t.operand(ys[0], ops[0], true))
	}
	// (lambda a, b: a < b and ...b...)(left, right)
	t.chains++
	a, b := "@a"+strconv.Itoa(t.chains), "@b"+strconv.Itoa(t.chains)
	right := t.operand(ys[0], "", true)
	rest := t.perhaps(func() syntax.Expr {
		return t.compare(&syntax.Ident{Name: b, NamePos: t.at(at[1])}, ops[1:], at[1:], ys[1:])
	})
	return &syntax.CallExpr{
		Fn: &syntax.LambdaExpr{
			Lambda: t.at(at[0]),
			Params: []syntax.Expr{&syntax.Ident{Name: a}, &syntax.Ident{Name: b}},
			Body: &syntax.BinaryExpr{
				X:  t.call(at[0], fn, &syntax.Ident{Name: a}, &syntax.Ident{Name: b}),
				Op: syntax.AND, OpPos: t.at(at[0]), Y: rest,
			},
		},
		Lparen: t.at(at[0]),
		Args:   []syntax.Expr{left, right},
	}
}

// operand translates what stands beside an operator. The host can tell whether something is in a
// container, so its contents are not asked for.
func (t *translator) operand(x expr, op string, right bool) syntax.Expr {
	if right && (op == "in" || op == "not in") {
		return t.wanted(x, walk)
	}
	return t.value(x)
}

// comprehension translates a list, set or dict comprehension, or the list of a generator's items.
func (t *translator) comprehension(x *comprehension) syntax.Expr {
	defer func(was bool, depth int) { t.certain, t.scopes = was, t.scopes[:depth] }(t.certain, len(t.scopes))
	var clauses []syntax.Node
	for _, c := range x.clauses {
		if c.targets == nil {
			clauses = append(clauses, &syntax.IfClause{If: t.at(c.pos()), Cond: t.value(c.x)})
			continue
		}
		from := t.wanted(c.x, Items)
		t.certain = false
		clauses = append(clauses, &syntax.ForClause{
			For: t.at(c.pos()), Vars: t.bind(c), In: t.at(c.pos()),
			X: t.call(c.x.pos(), "@iter", from, truth(c.unpack), integer(int64(len(c.targets)))),
		})
	}
	body := t.value(x.body)
	if x.key != nil {
		body = t.tuple(x.pos(), []syntax.Expr{t.value(x.key), body})
	}
	result := &syntax.Comprehension{Lbrack: t.at(x.pos()), Body: body, Clauses: clauses}
	switch {
	case x.key != nil:
		return t.call(x.pos(), "@dict", result)
	case x.kind == '{':
		return t.call(x.pos(), "@set", result)
	default:
		return result
	}
}

// bind opens the scope of a "for" and gives its variables.
func (t *translator) bind(c clause) syntax.Expr {
	var ids []string
	var vars []syntax.Expr
	for _, n := range c.targets {
		if _, ok := roots[n.id]; ok {
			t.fail(n.pos(), "%q is a name of the state; take another one", n.id)
		}
		if strings.HasPrefix(n.id, "__") {
			t.fail(n.pos(), "%q starts with two underscores; take another name", n.id)
		}
		ids = append(ids, n.id)
		vars = append(vars, &syntax.Ident{Name: "$" + n.id, NamePos: t.at(n.pos())})
	}
	t.scopes = append(t.scopes, ids)
	if c.unpack {
		return t.tuple(c.pos(), vars)
	}
	return vars[0]
}

// lazily translates any(...) and all(...) of a generator expression, which stop at the first item
// that decides: any(b for x in s if c for y in r) becomes
// @any(s, lambda x: @any(r, lambda y: b) if c else False).
func (t *translator) lazily(fn string, x *comprehension) syntax.Expr {
	defer func(was bool, depth int) { t.certain, t.scopes = was, t.scopes[:depth] }(t.certain, len(t.scopes))
	return t.lazyClause(fn, x, x.clauses)
}

func (t *translator) lazyClause(fn string, x *comprehension, clauses []clause) syntax.Expr {
	if len(clauses) == 0 {
		return t.value(x.body)
	}
	c := clauses[0]
	if c.targets == nil {
		test := t.value(c.x)
		return &syntax.CondExpr{If: t.at(c.pos()), Cond: test, True: t.lazyClause(fn, x, clauses[1:]), False: truth(fn == "all")}
	}
	from := t.wanted(c.x, Items)
	t.certain = false
	vars := t.bind(c)
	params := []syntax.Expr{vars}
	if tuple, ok := vars.(*syntax.TupleExpr); ok {
		params = tuple.List
	}
	unpack := int64(-1)
	if c.unpack {
		unpack = int64(len(params))
	}
	return t.call(c.x.pos(), "@lazy"+fn, from, integer(unpack),
		&syntax.LambdaExpr{Lambda: t.at(c.pos()), Params: params, Body: t.lazyClause(fn, x, clauses[1:])})
}

// called translates the call of a function or method.
func (t *translator) called(x *call) syntax.Expr {
	if fn, ok := x.fn.(*name); ok {
		return t.function(x, fn)
	}
	method := x.fn.(*attribute)
	m, ok := methods[method.name]
	if !ok {
		known := slices.Sorted(maps.Keys(methods))
		if near := spell.Nearest(method.name, known); near != "" {
			return t.fail(method.pos(), "the method %q is not in the language; did you mean %q?", method.name, near)
		}
		return t.fail(method.pos(), "the method %q is not in the language; conditions call only %s: "+
			"let a process compute it", method.name, list(known))
	}
	what := Get
	if m.contents {
		what = Items
	}
	self := t.wanted(method.x, what)
	args := t.arguments(x, method.name, m.signature)
	return t.call(method.pos(), "@."+method.name, append([]syntax.Expr{self}, args...)...)
}

func (t *translator) function(x *call, fn *name) syntax.Expr {
	f, ok := functions[fn.id]
	if why, refused := refusedFunctions[fn.id]; refused {
		return t.fail(fn.pos(), "%s() is not in the language: %s", fn.id, why)
	}
	if !ok || t.bound(fn.id) {
		known := slices.Sorted(maps.Keys(functions))
		if near := spell.Nearest(fn.id, known); near != "" && !t.bound(fn.id) {
			return t.fail(fn.pos(), "there is no function %q; did you mean %q?", fn.id, near)
		}
		return t.fail(fn.pos(), "there is no function %q; the language has %s", fn.id, list(known))
	}
	if len(x.args) == 1 && len(x.keys) == 0 && (fn.id == "any" || fn.id == "all") {
		if g, ok := x.args[0].(*comprehension); ok && g.kind == '(' {
			return t.lazily(fn.id, g)
		}
	}
	return t.call(fn.pos(), "@"+fn.id, t.arguments(x, fn.id, f.signature)...)
}

// arguments translates and counts the arguments of a call. All are given in their order: what has
// a name takes its place, and what is left out is missing.
func (t *translator) arguments(x *call, fn string, s signature) []syntax.Expr {
	if len(x.args) < s.least || s.most >= 0 && len(x.args) > s.most {
		t.fail(x.pos(), "%s() takes %s, not %d", fn, s.count(), len(x.args))
		return nil
	}
	var args []syntax.Expr
	for _, a := range x.args {
		if g, ok := a.(*comprehension); ok && g.kind == '(' && len(x.args) == 1 && slices.Contains(generators, fn) {
			args = append(args, t.comprehension(g))
		} else if len(x.args) == 1 && s.contents {
			args = append(args, t.wanted(a, Items))
		} else {
			args = append(args, t.value(a))
		}
	}
	for i, key := range x.keys {
		if !slices.Contains(s.keys, key) {
			t.fail(x.vals[i].pos(), "%s() takes no argument %q in a condition", fn, key)
			return nil
		}
		pos := t.at(x.vals[i].pos())
		args = append(args, &syntax.BinaryExpr{
			X: &syntax.Ident{Name: key, NamePos: pos}, OpPos: pos, Op: syntax.EQ, Y: t.value(x.vals[i]),
		})
	}
	return args
}

// generators are the functions and the method that take a generator expression.
var generators = []string{"all", "any", "list", "max", "min", "set", "sorted", "sum", "tuple", "join"}

// list joins words for a sentence.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// compile makes a function of a translated condition.
func compile(file *syntax.File) (*starlark.Function, error) {
	program, err := starlark.FileProgram(file, func(name string) bool { return name[0] == '@' })
	if err != nil {
		return nil, err
	}
	globals, err := program.Init(new(starlark.Thread), builtins)
	if err != nil {
		return nil, err
	}
	globals.Freeze()
	return globals["condition"].(*starlark.Function), nil
}
