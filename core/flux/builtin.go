package flux

import (
	"errors"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/theus-project/theus/core/path"
)

// builtin is one of our functions, with the arguments after the evaluation.
type builtin func(e *Evaluation, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

// signature is what a function or method of the language takes.
type signature struct {
	least, most int // arguments without a name; most is -1 for any number
	keys        []string
	contents    bool // a single argument is looked into
}

func (s signature) count() string {
	n := func(n int) string {
		return [...]string{"no argument", "one argument", "two arguments", "three arguments"}[n]
	}
	switch {
	case s.most < 0:
		return "at least " + n(s.least)
	case s.least == s.most:
		return n(s.least)
	default:
		return n(s.least) + " to " + n(s.most)
	}
}

// builtins are all that a translated condition can name.
var builtins = starlark.StringDict{}

func define(name string, do builtin) {
	builtins[name] = starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return do(args[0].(*Evaluation), args[1:], kwargs)
	})
}

func init() {
	define("@get", func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		i, _ := args[0].(starlark.Int).Int64()
		need := e.cond.slots[i].need
		if need.What == walk {
			return &place{path: need.Path}, nil
		}
		v, err := e.ask(need, int(i))
		if err != nil || need.What == Get {
			return v, err
		}
		return e.settle(v)
	})
	define("@walk", walkTo)
	define("@slice", func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		return e.slice(args[0], args[1], args[2], args[3])
	})
	define("@iter", func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		n, _ := args[2].(starlark.Int).Int64()
		return e.loop(args[0], bool(args[1].(starlark.Bool)), int(n))
	})
	define("@items", func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		items, err := e.items(args[0])
		return starlark.Tuple(items), err
	})
	define("@lazyany", lazily(true))
	define("@lazyall", lazily(false))
	define("@dict", func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		pairs := args[0].(starlark.Indexable)
		if err := e.spend(pairs.Len()); err != nil {
			return nil, err
		}
		return e.makeDict(pairs.Len(), func(i int) (key, value starlark.Value) {
			pair := pairs.Index(i).(starlark.Tuple)
			return pair[0], pair[1]
		})
	})
	define("@set", func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		items, err := e.items(args[0])
		if err != nil {
			return nil, err
		}
		return e.makeSet(items)
	})
}

// walkTo follows attributes and indices: pairs of (is it an attribute, which one).
func walkTo(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	v := args[0]
	for i := 1; i < len(args); i += 2 {
		attr, key, last := bool(args[i].(starlark.Bool)), args[i+1], i+2 == len(args)
		p, isPlace := v.(*place)
		switch {
		case isPlace && p.path == nil && p.known:
			return nil, raise("TypeError", "what is inside a set cannot be looked into")
		case isPlace:
			seg := path.Segment{Kind: path.Attr}
			if attr {
				seg.Name = string(key.(starlark.String))
			} else {
				var err error
				if seg, err = segment(key); err != nil {
					return nil, err
				}
			}
			next := &place{path: p.child(seg)}
			if !last {
				v = next
				continue
			}
			return e.ask(Need{What: Get, Path: next.path}, -1)
		case attr:
			return nil, raise("AttributeError", "'%s' has no attribute '%s'", typeName(v), string(key.(starlark.String)))
		default:
			var err error
			if v, err = e.index(v, key); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// loop gives what a "for" runs over; each item taken apart, if there are several names for it.
func (e *Evaluation) loop(v starlark.Value, unpack bool, n int) (starlark.Value, error) {
	v, err := e.contents(v)
	if err != nil {
		return nil, err
	}
	if !unpack {
		switch v := v.(type) {
		case *starlark.List, starlark.Tuple, *starlark.Dict, *starlark.Set:
			return v, nil
		case starlark.Sequence: // a range, which makes its items one by one
			return v, nil
		}
	}
	items, err := e.items(v)
	if err != nil {
		return nil, err
	}
	if !unpack {
		return starlark.Tuple(items), nil
	}
	rows := make(starlark.Tuple, len(items))
	for i, item := range items {
		if rows[i], err = e.unpack(item, n); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// unpack takes one item apart into n values.
func (e *Evaluation) unpack(item starlark.Value, n int) (starlark.Tuple, error) {
	parts, err := e.items(item)
	if r := (*raised)(nil); errors.As(err, &r) && r.class == "TypeError" {
		return nil, raise("TypeError", "cannot unpack non-iterable %s object", typeName(item))
	}
	switch {
	case err != nil:
		return nil, err
	case len(parts) > n:
		return nil, raise("ValueError", "too many values to unpack (expected %d)", n)
	case len(parts) < n:
		return nil, raise("ValueError", "not enough values to unpack (expected %d, got %d)", n, len(parts))
	}
	return parts, nil
}

// lazily is any or all of a generator expression: it stops at the first item that decides.
func lazily(decides bool) builtin {
	return func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		n, _ := args[1].(starlark.Int).Int64()
		v, err := e.loop(args[0], false, 0)
		if err != nil {
			return nil, err
		}
		it := v.(starlark.Iterable).Iterate()
		defer it.Done()
		var item starlark.Value
		for it.Next(&item) {
			row := starlark.Tuple{item}
			if n >= 0 {
				if row, err = e.unpack(item, int(n)); err != nil {
					return nil, err
				}
			}
			if err := e.spend(1); err != nil {
				return nil, err
			}
			v, err := starlark.Call(&e.thread, args[2], row, nil)
			if err != nil {
				return nil, err
			}
			if bool(v.Truth()) == decides {
				return starlark.Bool(decides), nil
			}
		}
		return starlark.Bool(!decides), nil
	}
}

// items gives all that a loop over v would meet.
func (e *Evaluation) items(v starlark.Value) ([]starlark.Value, error) {
	v, err := e.contents(v)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case starlark.Tuple:
		return v, e.spend(len(v))
	case *bag:
		return v.list, e.spend(len(v.list))
	case starlark.String:
		if err := e.spend(2 * len(v)); err != nil {
			return nil, err
		}
		var all []starlark.Value
		for _, r := range string(v) {
			all = append(all, starlark.String(r))
		}
		return all, nil
	case starlark.Sequence:
		if err := e.spend(v.Len()); err != nil {
			return nil, err
		}
		return slices.AppendSeq(make([]starlark.Value, 0, v.Len()), starlark.Elements(v)), nil
	}
	return nil, raise("TypeError", "'%s' object is not iterable", typeName(v))
}

// makeDict refuses the keys that Starlark would tell apart and Python does not, or the reverse.
func (e *Evaluation) makeDict(n int, pair func(i int) (key, value starlark.Value)) (starlark.Value, error) {
	d := starlark.NewDict(n)
	for i := range n {
		k, v := pair(i)
		if err := e.hashable(k); err != nil {
			return nil, err
		}
		if err := d.SetKey(k, v); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (e *Evaluation) makeSet(items []starlark.Value) (starlark.Value, error) {
	s := starlark.NewSet(len(items))
	for _, item := range items {
		if err := e.hashable(item); err != nil {
			return nil, err
		}
		if err := s.Insert(item); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (e *Evaluation) hashable(k starlark.Value) error {
	if err := e.spend(1); err != nil {
		return err
	}
	switch k := k.(type) {
	case starlark.Bool:
		return raise("TypeError", "True and False cannot be keys, or in a set, in a condition; use a list or a tuple")
	case starlark.Float:
		if k != k {
			return raise("TypeError", "nan cannot be a key in a condition")
		}
		return nil
	case starlark.Tuple:
		for _, item := range k {
			if err := e.hashable(item); err != nil {
				return err
			}
		}
		return nil
	case starlark.String:
		return e.spend(len(k) / 8)
	case starlark.NoneType, starlark.Int, starlark.Bytes:
		return nil
	}
	return raise("TypeError", "unhashable type: '%s'", typeName(k))
}

// key makes what can be looked up of what Python would look up: True is 1.
func (e *Evaluation) key(k starlark.Value) (starlark.Value, error) {
	if b, ok := k.(starlark.Bool); ok {
		return number(b), nil
	}
	return k, e.hashable(k)
}

// typeName is Python's name of a type.
func typeName(v starlark.Value) string {
	switch v := v.(type) {
	case *bag:
		if v.kind == KindObject {
			return "iterator"
		}
	case *starlark.Function, *starlark.Builtin:
		return "function"
	case starlark.Sequence:
		if k := kindOf(v); k != KindSequence {
			return k.String()
		}
		return v.Type()
	}
	return kindOf(v).String()
}

// index is v[i] of a plain value.
func (e *Evaluation) index(v, i starlark.Value) (starlark.Value, error) {
	v, err := e.settle(v)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case *starlark.Dict:
		k, err := e.key(i)
		if err != nil {
			return nil, err
		}
		found, ok, err := v.Get(k)
		if err == nil && !ok {
			return nil, raise("KeyError", "%s", repr(i, 0))
		}
		return found, err
	case starlark.String:
		if err := e.spend(len(v)); err != nil {
			return nil, err
		}
		runes := []rune(string(v))
		at, err := position64(i, len(runes), "string")
		if err != nil {
			return nil, err
		}
		return starlark.String(runes[at]), nil
	case *starlark.List, starlark.Tuple, starlark.Indexable:
		if _, isBytes := v.(starlark.Bytes); isBytes {
			break
		}
		at, err := position64(i, v.(starlark.Indexable).Len(), typeName(v))
		if err != nil {
			return nil, err
		}
		return v.(starlark.Indexable).Index(at), nil
	}
	return nil, raise("TypeError", "'%s' object cannot be indexed in a condition", typeName(v))
}

// position64 makes an offset of an index that may be negative.
func position64(i starlark.Value, length int, what string) (int, error) {
	n, ok := number(i).(starlark.Int)
	if !ok {
		return 0, raise("TypeError", "%s indices must be whole numbers, not '%s'", what, typeName(i))
	}
	at, fits := n.Int64()
	if at < 0 {
		at += int64(length)
	}
	if !fits || at < 0 || at >= int64(length) {
		return 0, raise("IndexError", "%s index out of range", what)
	}
	return int(at), nil
}

// slice is v[low:high:step].
func (e *Evaluation) slice(v, low, high, step starlark.Value) (starlark.Value, error) {
	v, err := e.contents(v)
	if err != nil {
		return nil, err
	}
	if s, ok := v.(starlark.String); ok {
		if err := e.spend(2 * len(s)); err != nil {
			return nil, err
		}
		runes := []rune(string(s))
		from, to, by, err := bounds(low, high, step, len(runes))
		if err != nil {
			return nil, err
		}
		var b strings.Builder
		for i := from; by > 0 && i < to || by < 0 && i > to; i += by {
			b.WriteRune(runes[i])
		}
		return starlark.String(b.String()), nil
	}
	_, isBytes := v.(starlark.Bytes)
	s, ok := v.(starlark.Sliceable)
	if !ok || isBytes {
		return nil, raise("TypeError", "'%s' object cannot be sliced in a condition", typeName(v))
	}
	from, to, by, err := bounds(low, high, step, s.Len())
	if err != nil {
		return nil, err
	}
	if by > 0 && to < from || by < 0 && to > from {
		to = from
	}
	if _, isRange := v.(starlark.Sequence); isRange {
		if err := e.spend(s.Len()); err != nil {
			return nil, err
		}
	}
	return s.Slice(from, to, by), nil
}

// bounds clips as Python does.
func bounds(low, high, step starlark.Value, length int) (from, to, by int, err error) {
	by = 1
	if step != starlark.None {
		if by, err = clip(step, -1<<40, 1<<40); err != nil {
			return 0, 0, 0, err
		}
		if by == 0 {
			return 0, 0, 0, raise("ValueError", "slice step cannot be zero")
		}
		by = max(-length-1, min(by, length+1))
	}
	least, most := 0, length
	if by < 0 {
		least, most = -1, length-1
	}
	edge := func(v starlark.Value, missing int) (int, error) {
		if v == starlark.None {
			return missing, nil
		}
		n, err := clip(v, -1<<40, 1<<40)
		if n < 0 {
			n += length
		}
		return max(least, min(n, most)), err
	}
	if from, err = edge(low, map[bool]int{true: least, false: most}[by > 0]); err != nil {
		return
	}
	to, err = edge(high, map[bool]int{true: most, false: least}[by > 0])
	return
}

func clip(v starlark.Value, least, most int64) (int, error) {
	n, ok := number(v).(starlark.Int)
	if !ok {
		return 0, raise("TypeError", "slice indices must be whole numbers or None, not '%s'", typeName(v))
	}
	i, fits := n.Int64()
	if !fits {
		i = int64(n.Sign()) * most
	}
	return int(max(least, min(i, most))), nil
}
