package flux

import (
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
)

// functions are those that conditions can call.
var functions = map[string]struct {
	signature
	do builtin
}{
	"abs":       {signature{least: 1, most: 1}, absolute},
	"all":       {signature{least: 1, most: 1, contents: true}, decide(false)},
	"any":       {signature{least: 1, most: 1, contents: true}, decide(true)},
	"bool":      {signature{most: 1}, toBool},
	"enumerate": {signature{least: 1, most: 2, keys: []string{"start"}, contents: true}, enumerate},
	"float":     {signature{most: 1}, toFloat},
	"int":       {signature{most: 1}, toInt},
	"len":       {signature{least: 1, most: 1}, length},
	"list":      {signature{most: 1, contents: true}, toList},
	"max":       {signature{least: 1, most: -1, keys: []string{"default"}, contents: true}, extreme("max", "gt")},
	"min":       {signature{least: 1, most: -1, keys: []string{"default"}, contents: true}, extreme("min", "lt")},
	"range":     {signature{least: 1, most: 3}, makeRange},
	"round":     {signature{least: 1, most: 2, keys: []string{"ndigits"}}, rounded},
	"set":       {signature{most: 1, contents: true}, toSet},
	"sorted":    {signature{least: 1, most: 1, keys: []string{"reverse"}, contents: true}, sorted},
	"str":       {signature{most: 1}, toText},
	"sum":       {signature{least: 1, most: 2, keys: []string{"start"}, contents: true}, sum},
	"tuple":     {signature{most: 1, contents: true}, toTuple},
	"zip":       {signature{most: -1}, zip},
}

// refusedFunctions are Python's that users will try, and why they are not here.
var refusedFunctions = map[string]string{
	"__import__": "a condition imports nothing", "eval": "a condition runs no code", "exec": "a condition runs no code",
	"compile": "a condition runs no code", "open": "a condition opens no files", "input": "a condition asks nobody",
	"print": "a condition prints nothing", "getattr": "write x.name", "setattr": "a condition changes nothing",
	"delattr": "a condition changes nothing", "hasattr": "let a process find out", "globals": "a condition sees the state and no more",
	"locals": "a condition sees the state and no more", "vars": "a condition sees the state and no more",
	"dir": "a condition sees the state and no more", "type": "types are for processes", "isinstance": "types are for processes",
	"issubclass": "types are for processes", "callable": "types are for processes", "id": "identity is for processes",
	"map": "write [f(x) for x in xs]", "filter": "write [x for x in xs if ...]", "format": `join texts with "+" and str()`,
	"repr": "use str()", "pow": "write x ** y", "divmod": "write x // y and x % y", "dict": "write {key: value}",
	"reversed": "write xs[::-1]", "bytes": "compare texts", "frozenset": "use set()", "super": "types are for processes",
	"breakpoint": "a condition runs no code", "object": "types are for processes",
}

func init() {
	for name, f := range functions {
		define("@"+name, f.do)
	}
}

// option gives an argument that may come with a name or at a place.
func option(args starlark.Tuple, at int, kwargs []starlark.Tuple, name string, missing starlark.Value) (starlark.Value, error) {
	for _, pair := range kwargs {
		if string(pair[0].(starlark.String)) == name {
			if at >= 0 && at < len(args) {
				return nil, raise("TypeError", "the argument '%s' is given twice", name)
			}
			return pair[1], nil
		}
	}
	if at >= 0 && at < len(args) {
		return args[at], nil
	}
	return missing, nil
}

func absolute(_ *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	switch n := number(args[0]).(type) {
	case starlark.Int:
		if n.Sign() < 0 {
			return starlark.MakeInt(0).Sub(n), nil
		}
		return n, nil
	case starlark.Float:
		if n < 0 || n == 0 {
			return 0 - n, nil
		}
		return n, nil
	}
	return nil, raise("TypeError", "bad operand type for abs(): '%s'", typeName(args[0]))
}

func decide(decides bool) builtin {
	return func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		items, err := e.items(args[0])
		if err != nil {
			return nil, err
		}
		return starlark.Bool(slices.ContainsFunc(items, func(v starlark.Value) bool {
			return bool(v.Truth()) == decides
		}) == decides), nil
	}
}

func toBool(_ *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	return starlark.Bool(len(args) > 0 && bool(args[0].Truth())), nil
}

func toFloat(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return starlark.Float(0), nil
	}
	s, ok := args[0].(starlark.String)
	if !ok {
		f, err := float(number(args[0]))
		return starlark.Float(f), err
	}
	if err := e.spend(2 * len(s)); err != nil {
		return nil, err
	}
	plain, ok := digits(string(s))
	if ok && !strings.ContainsAny(plain, "xXpP") {
		f, err := strconv.ParseFloat(plain, 64)
		if err == nil || errors.Is(err, strconv.ErrRange) {
			return starlark.Float(f), nil
		}
	}
	return nil, raise("ValueError", "could not convert string to float: %s", repr(s, 0))
}

// digits strips blanks and the underscores between digits; ok is false if some stand elsewhere.
func digits(s string) (plain string, ok bool) {
	s = strings.TrimFunc(s, isSpace)
	for i := range len(s) {
		if s[i] == '_' && (i == 0 || i+1 == len(s) || !isDigit(s[i-1]) || !isDigit(s[i+1])) || s[i] >= 0x80 {
			return "", false
		}
	}
	return strings.ReplaceAll(s, "_", ""), true
}

func toInt(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return starlark.MakeInt(0), nil
	}
	switch v := number(args[0]).(type) {
	case starlark.Int:
		return v, nil
	case starlark.Float:
		switch {
		case v != v:
			return nil, raise("ValueError", "cannot convert float NaN to integer")
		case v-v != 0:
			return nil, raise("OverflowError", "cannot convert float infinity to integer")
		}
		return starlark.NumberToInt(v)
	case starlark.String:
		if err := e.spend(16 * len(v)); err != nil {
			return nil, err
		}
		if plain, ok := digits(string(v)); ok && len(plain) <= maxDigits {
			if n, ok := new(big.Int).SetString(plain, 10); ok {
				return starlark.MakeBigInt(n), nil
			}
		}
		return nil, raise("ValueError", "invalid literal for int() with base 10: %s", repr(v, 0))
	}
	return nil, raise("TypeError", "int() argument must be a string or a number, not '%s'", typeName(args[0]))
}

func length(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	n := -1
	switch v := args[0].(type) {
	case starlark.String:
		n = runes(string(v))
		if err := e.spend(len(v)); err != nil {
			return nil, err
		}
	case *place:
		n = v.length
	case *entries:
		n = len(v.keys)
	case *bag:
		if v.kind != KindObject || v.sized {
			n = len(v.list)
		}
	case starlark.Sequence:
		n = v.Len()
	case starlark.Bytes:
		n = v.Len()
	}
	if n < 0 {
		return nil, raise("TypeError", "object of type '%s' has no len()", typeName(args[0]))
	}
	return starlark.MakeInt(n), nil
}

func toList(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return starlark.NewList(nil), nil
	}
	items, err := e.items(args[0])
	return starlark.NewList(slices.Clone(items)), err
}

func toTuple(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return starlark.Tuple{}, nil
	}
	items, err := e.items(args[0])
	return slices.Clone(starlark.Tuple(items)), err
}

func toSet(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return e.makeSet(nil)
	}
	items, err := e.items(args[0])
	if err != nil {
		return nil, err
	}
	return e.makeSet(items)
}

// extreme is max or min: the first of the items that none beats.
func extreme(name, better string) builtin {
	return func(e *Evaluation, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		items := []starlark.Value(args)
		if len(args) == 1 {
			var err error
			if items, err = e.items(args[0]); err != nil {
				return nil, err
			}
		} else if len(kwargs) > 0 {
			return nil, raise("TypeError", "%s() takes a default only beside one argument", name)
		}
		if len(items) == 0 {
			v, err := option(args, -1, kwargs, "default", nil)
			if v == nil && err == nil {
				err = raise("ValueError", "%s() arg is an empty sequence", name)
			}
			return v, err
		}
		best := items[0]
		for _, item := range items[1:] {
			beats, err := e.order(better, item, best, 0)
			if err != nil {
				return nil, err
			}
			if beats {
				best = item
			}
		}
		return best, nil
	}
}

func makeRange(_ *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	for i, a := range args {
		args[i] = number(a)
		if _, ok := args[i].(starlark.Int); !ok {
			return nil, raise("TypeError", "'%s' object cannot be interpreted as an integer", typeName(a))
		}
		if n, ok := args[i].(starlark.Int).Int64(); !ok || n > 1<<40 || n < -1<<40 {
			return nil, raise("OverflowError", "a range as large as this is not for a condition")
		}
	}
	if len(args) == 3 && args[2].(starlark.Int).Sign() == 0 {
		return nil, raise("ValueError", "range() arg 3 must not be zero")
	}
	return starlark.Call(new(starlark.Thread), starlark.Universe["range"], args, nil)
}

func rounded(e *Evaluation, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	digits, err := option(args, 1, kwargs, "ndigits", starlark.None)
	if err != nil {
		return nil, err
	}
	if err := e.spend(100 + size(args[0])*8); err != nil {
		return nil, err
	}
	return round(args[0], digits)
}

func sorted(e *Evaluation, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	items, err := e.items(args[0])
	if err != nil {
		return nil, err
	}
	reverse, err := option(args, -1, kwargs, "reverse", starlark.False)
	if err != nil {
		return nil, err
	}
	if _, ok := number(reverse).(starlark.Int); !ok {
		return nil, raise("TypeError", "'%s' object cannot be interpreted as an integer", typeName(reverse))
	}
	items = slices.Clone(items)
	if slices.ContainsFunc(items, isNan) {
		return nil, raise("ValueError", "nan has no place in an order")
	}
	backwards := bool(reverse.Truth())
	slices.SortStableFunc(items, func(x, y starlark.Value) int {
		if err != nil {
			return 0
		}
		if backwards {
			x, y = y, x
		}
		var less bool
		if less, err = e.order("lt", x, y, 0); less {
			return -1
		}
		if err == nil {
			if less, err = e.order("lt", y, x, 0); less {
				return 1
			}
		}
		return 0
	})
	return starlark.NewList(items), err
}

func toText(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return starlark.String(""), nil
	}
	switch v := args[0].(type) {
	case starlark.String:
		return v, nil
	case starlark.Int:
		if err := e.spend(size(v) * size(v)); err != nil {
			return nil, err
		}
		s := v.String()
		if len(strings.TrimPrefix(s, "-")) > maxDigits {
			return nil, raise("ValueError", "a number of more than %d digits is not made a text", maxDigits)
		}
		return starlark.String(s), e.spend(len(s))
	case starlark.NoneType, starlark.Bool, starlark.Float:
		return starlark.String(repr(v, 0)), nil
	}
	return nil, raise("TypeError", "str() makes texts of numbers, texts, True, False and None here, not of '%s'", typeName(args[0]))
}

func sum(e *Evaluation, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	total, err := option(args, 1, kwargs, "start", starlark.MakeInt(0))
	if err != nil {
		return nil, err
	}
	if _, ok := total.(starlark.String); ok {
		return nil, raise("TypeError", "sum() can't sum strings [use ''.join(seq) instead]")
	}
	items, err := e.items(args[0])
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if total, err = e.binary("+", total, item); err != nil {
			return nil, err
		}
	}
	return total, nil
}

func enumerate(e *Evaluation, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	start, err := option(args, 1, kwargs, "start", starlark.MakeInt(0))
	if err != nil {
		return nil, err
	}
	first, ok := number(start).(starlark.Int)
	if !ok {
		return nil, raise("TypeError", "'%s' object cannot be interpreted as an integer", typeName(start))
	}
	items, err := e.items(args[0])
	if err != nil {
		return nil, err
	}
	pairs := make([]starlark.Value, len(items))
	for i, item := range items {
		pairs[i] = starlark.Tuple{first.Add(starlark.MakeInt(i)), item}
	}
	return &bag{kind: KindObject, list: pairs}, nil
}

func zip(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	var rows []starlark.Value
	for column, arg := range args {
		items, err := e.items(arg)
		if err != nil {
			return nil, err
		}
		if column == 0 {
			rows = make([]starlark.Value, len(items))
			for i := range rows {
				rows[i] = make(starlark.Tuple, 0, len(args))
			}
		}
		rows = rows[:min(len(rows), len(items))]
		for i := range rows {
			rows[i] = append(rows[i].(starlark.Tuple), items[i])
		}
	}
	return &bag{kind: KindObject, list: rows}, nil
}
