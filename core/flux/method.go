package flux

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// method does its work on the value before the dot, which is its first argument.
type method struct {
	signature
	on       []Kind
	contents bool // the contents of a place are wanted
	do       builtin
}

var methods = map[string]method{
	"count":        {signature{least: 1, most: 1}, []Kind{KindText, KindList, KindTuple}, false, count},
	"index":        {signature{least: 1, most: 1}, []Kind{KindText, KindList, KindTuple}, false, indexOf},
	"get":          {signature{least: 1, most: 2}, []Kind{KindDict}, false, dictGet},
	"items":        {signature{}, []Kind{KindDict}, true, view(func(k, v starlark.Value) starlark.Value { return starlark.Tuple{k, v} })},
	"keys":         {signature{}, []Kind{KindDict}, true, view(func(k, _ starlark.Value) starlark.Value { return k })},
	"values":       {signature{}, []Kind{KindDict}, true, view(func(_, v starlark.Value) starlark.Value { return v })},
	"endswith":     {signature{least: 1, most: 1}, text1, false, affix(strings.HasSuffix)},
	"find":         {signature{least: 1, most: 1}, text1, false, find(strings.Index)},
	"isalnum":      {signature{}, text1, false, class(isAlnum)},
	"isalpha":      {signature{}, text1, false, class(unicode.IsLetter)},
	"isdigit":      {signature{}, text1, false, class(isDecimal)},
	"islower":      {signature{}, text1, false, cased(isLower, isUpper)},
	"isspace":      {signature{}, text1, false, class(isSpace)},
	"isupper":      {signature{}, text1, false, cased(isUpper, isLower)},
	"join":         {signature{least: 1, most: 1, contents: true}, text1, false, join},
	"lower":        {signature{}, text1, false, letters(strings.ToLower)},
	"lstrip":       {signature{most: 1}, text1, false, strip(true, false)},
	"partition":    {signature{least: 1, most: 1}, text1, false, partition},
	"removeprefix": {signature{least: 1, most: 1}, text1, false, texts(strings.TrimPrefix)},
	"removesuffix": {signature{least: 1, most: 1}, text1, false, texts(strings.TrimSuffix)},
	"replace":      {signature{least: 2, most: 2}, text1, false, replace},
	"rfind":        {signature{least: 1, most: 1}, text1, false, find(strings.LastIndex)},
	"rstrip":       {signature{most: 1}, text1, false, strip(false, true)},
	"split":        {signature{most: 2, keys: []string{"sep", "maxsplit"}}, text1, false, split},
	"splitlines":   {signature{}, text1, false, splitlines},
	"startswith":   {signature{least: 1, most: 1}, text1, false, affix(strings.HasPrefix)},
	"strip":        {signature{most: 1}, text1, false, strip(true, true)},
	"upper":        {signature{}, text1, false, letters(strings.ToUpper)},
}

var text1 = []Kind{KindText}

func init() {
	for name, m := range methods {
		define("@."+name, func(e *Evaluation, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			self, err := e.settle(args[0])
			if err != nil {
				return nil, err
			}
			args[0] = self
			k := kindOf(self)
			for _, on := range m.on {
				if k == on {
					if s, ok := self.(starlark.String); ok {
						if err := e.spend(len(s)); err != nil {
							return nil, err
						}
					}
					return m.do(e, args, kwargs)
				}
			}
			if k == KindObject {
				return nil, raise("TypeError", "methods of your own objects are not called in a condition; let a process call .%s()", name)
			}
			return nil, raise("AttributeError", "'%s' has no method '%s' in a condition", typeName(self), name)
		})
	}
}

// textArgument gives an argument that must be a text.
func textArgument(args starlark.Tuple, i int) (string, error) {
	s, ok := args[i].(starlark.String)
	if !ok {
		return "", raise("TypeError", "must be str, not %s", typeName(args[i]))
	}
	return string(s), nil
}

func self(args starlark.Tuple) string { return string(args[0].(starlark.String)) }

func runes(s string) int { return utf8.RuneCountInString(s) }

func repeatText(s string, n int) string { return strings.Repeat(s, n) }

func count(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if _, ok := args[0].(starlark.String); ok {
		sub, err := textArgument(args, 1)
		return starlark.MakeInt(strings.Count(self(args), sub)), err
	}
	items, err := e.items(args[0])
	if err != nil {
		return nil, err
	}
	n := 0
	for _, item := range items {
		same, err := e.equal(item, args[1], 1)
		if err != nil {
			return nil, err
		}
		if same {
			n++
		}
	}
	return starlark.MakeInt(n), nil
}

func indexOf(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if _, ok := args[0].(starlark.String); ok {
		at, err := find(strings.Index)(e, args, nil)
		if err == nil && at.(starlark.Int).Sign() < 0 {
			return nil, raise("ValueError", "substring not found")
		}
		return at, err
	}
	items, err := e.items(args[0])
	if err != nil {
		return nil, err
	}
	for i, item := range items {
		same, err := e.equal(item, args[1], 1)
		if err != nil {
			return nil, err
		}
		if same {
			return starlark.MakeInt(i), nil
		}
	}
	return nil, raise("ValueError", "%s is not in list", repr(args[1], 0))
}

func find(index func(s, sub string) int) builtin {
	return func(_ *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		sub, err := textArgument(args, 1)
		if err != nil {
			return nil, err
		}
		at := index(self(args), sub)
		if at > 0 {
			at = runes(self(args)[:at])
		}
		return starlark.MakeInt(at), nil
	}
}

func dictGet(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	var missing starlark.Value = starlark.None
	if len(args) == 3 {
		missing = args[2]
	}
	if p, ok := args[0].(*place); ok {
		if seg, err := segment(args[1]); err == nil {
			found, err := e.has(args[1], p)
			if err != nil || !found {
				return missing, err
			}
			return e.ask(Need{What: Get, Path: p.child(seg)}, -1)
		}
	}
	v, err := e.contents(args[0])
	if err != nil {
		return nil, err
	}
	k, err := e.key(args[1])
	if err != nil {
		return nil, err
	}
	found, ok, err := v.(*starlark.Dict).Get(k)
	if err != nil || !ok {
		return missing, err
	}
	return found, nil
}

func view(of func(k, v starlark.Value) starlark.Value) builtin {
	return func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		v, err := e.contents(args[0])
		if err != nil {
			return nil, err
		}
		d := v.(*starlark.Dict)
		if err := e.spend(d.Len()); err != nil {
			return nil, err
		}
		x := &bag{kind: KindSequence, sized: true, list: make([]starlark.Value, 0, d.Len())}
		for _, pair := range d.Items() {
			x.list = append(x.list, of(pair[0], pair[1]))
		}
		return x, nil
	}
}

// affix is startswith or endswith: of a text, or of one of a tuple.
func affix(has func(s, part string) bool) builtin {
	return func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		parts, ok := args[1].(starlark.Tuple)
		if !ok {
			parts = args[1:2]
		}
		for i := range parts {
			part, err := textArgument(parts, i)
			if err != nil {
				return nil, err
			}
			if has(self(args), part) {
				return starlark.True, e.spend(len(part))
			}
		}
		return starlark.False, nil
	}
}

// isSpace is Python's, which has four characters more than Go's.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func isDecimal(r rune) bool { return unicode.IsDigit(r) }

func isAlnum(r rune) bool { return unicode.In(r, unicode.L, unicode.Nd, unicode.Nl, unicode.No) }

func isLower(r rune) bool { return unicode.In(r, unicode.Ll, unicode.Other_Lowercase) }

func isUpper(r rune) bool { return unicode.In(r, unicode.Lu, unicode.Other_Uppercase) }

// class reports whether a text has characters, and all are of a class.
func class(is func(r rune) bool) builtin {
	return func(_ *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		for _, r := range self(args) {
			if unicode.Is(unicode.No, r) {
				return nil, raise("ValueError", "whether %q is a digit is not for a condition to say", r)
			}
			if !is(r) {
				return starlark.False, nil
			}
		}
		return starlark.Bool(self(args) != ""), nil
	}
}

// cased reports whether a text has letters of one case and none of the other.
func cased(want, not func(r rune) bool) builtin {
	return func(_ *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		found := false
		for _, r := range self(args) {
			if not(r) || unicode.IsTitle(r) {
				return starlark.False, nil
			}
			found = found || want(r)
		}
		return starlark.Bool(found), nil
	}
}

// letters is upper or lower. Where Python makes two letters of one, or looks at the neighbours, a
// condition refuses.
func letters(to func(s string) string) builtin {
	return func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		for _, r := range self(args) {
			if special(r) {
				return nil, raise("ValueError", "upper and lower case of %q are not for a condition", r)
			}
		}
		return starlark.String(to(self(args))), e.spend(2 * len(self(args)))
	}
}

// special reports letters whose other case is not one letter: those of SpecialCasing.txt.
func special(r rune) bool {
	switch {
	case r < 0x80:
		return false
	case r == 0xdf, r == 0x130, r == 0x149, r == 0x1f0, r == 0x390, r == 0x3b0, r == 0x3a3, r == 0x587,
		r >= 0x1e96 && r <= 0x1e9e, r >= 0x1f50 && r <= 0x1fff, r >= 0xfb00 && r <= 0xfb17:
		return true
	}
	return false
}

func join(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	items, err := e.items(args[1])
	if err != nil {
		return nil, err
	}
	parts, size := make([]string, len(items)), 0
	for i, item := range items {
		s, ok := item.(starlark.String)
		if !ok {
			return nil, raise("TypeError", "sequence item %d: expected str instance, %s found", i, typeName(item))
		}
		parts[i] = string(s)
		if size += len(s) + len(self(args)); size > maxSpent {
			return nil, tooMuch()
		}
	}
	if err := e.spend(size); err != nil {
		return nil, err
	}
	return starlark.String(strings.Join(parts, self(args))), nil
}

// strip takes blanks, or the characters of a text, from the ends.
func strip(left, right bool) builtin {
	return func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		s, of := self(args), isSpace
		if len(args) > 1 && args[1] != starlark.None {
			set, err := textArgument(args, 1)
			if err != nil {
				return nil, err
			}
			if err := e.spend(len(s) * min(len(set), 1+maxSpent)); err != nil {
				return nil, err
			}
			of = func(r rune) bool { return strings.ContainsRune(set, r) }
		}
		if left {
			s = strings.TrimLeftFunc(s, of)
		}
		if right {
			s = strings.TrimRightFunc(s, of)
		}
		return starlark.String(s), nil
	}
}

func partition(_ *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	sep, err := textArgument(args, 1)
	if err != nil {
		return nil, err
	}
	if sep == "" {
		return nil, raise("ValueError", "empty separator")
	}
	before, after, found := strings.Cut(self(args), sep)
	if !found {
		sep = ""
	}
	return starlark.Tuple{starlark.String(before), starlark.String(sep), starlark.String(after)}, nil
}

func texts(do func(s, part string) string) builtin {
	return func(_ *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		part, err := textArgument(args, 1)
		return starlark.String(do(self(args), part)), err
	}
}

func replace(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	old, err := textArgument(args, 1)
	if err != nil {
		return nil, err
	}
	with, err := textArgument(args, 2)
	if err != nil {
		return nil, err
	}
	s := self(args)
	if n := strings.Count(s, old); n > 0 && len(with) > 0 && n > (maxSpent-len(s))/len(with) {
		return nil, tooMuch()
	} else if err := e.spend(len(s) + n*len(with)); err != nil {
		return nil, err
	}
	return starlark.String(strings.ReplaceAll(s, old, with)), nil
}

func split(e *Evaluation, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	sep, err := option(args, 1, kwargs, "sep", starlark.None)
	if err != nil {
		return nil, err
	}
	limit, err := option(args, 2, kwargs, "maxsplit", starlark.MakeInt(-1))
	if err != nil {
		return nil, err
	}
	most, err := clip(limit, -1, maxSpent)
	if err != nil {
		return nil, err
	}
	s := self(args)
	if err := e.spend(len(s)); err != nil {
		return nil, err
	}
	var parts []string
	switch sep := sep.(type) {
	case starlark.NoneType:
		parts = fields(s, most)
	case starlark.String:
		if sep == "" {
			return nil, raise("ValueError", "empty separator")
		}
		if most >= 0 {
			most++
		}
		parts = strings.SplitN(s, string(sep), most)
	default:
		return nil, raise("TypeError", "must be str or None, not %s", typeName(sep))
	}
	return textList(parts), nil
}

// fields splits at blanks, at most so many times; -1 is any number.
func fields(s string, most int) []string {
	var parts []string
	for {
		s = strings.TrimLeftFunc(s, isSpace)
		end := strings.IndexFunc(s, isSpace)
		switch {
		case s == "":
			return parts
		case most >= 0 && len(parts) == most:
			return append(parts, strings.TrimRightFunc(s, isSpace))
		case end < 0:
			return append(parts, s)
		}
		parts, s = append(parts, s[:end]), s[end:]
	}
}

func splitlines(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	s := self(args)
	if err := e.spend(len(s)); err != nil {
		return nil, err
	}
	var lines []string
	for s != "" {
		end := strings.IndexAny(s, "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029")
		if end < 0 {
			lines = append(lines, s)
			break
		}
		lines = append(lines, s[:end])
		_, size := utf8.DecodeRuneInString(s[end:])
		if strings.HasPrefix(s[end:], "\r\n") {
			size = 2
		}
		s = s[end+size:]
	}
	return textList(lines), nil
}

func textList(parts []string) starlark.Value {
	all := make([]starlark.Value, len(parts))
	for i, part := range parts {
		all[i] = starlark.String(part)
	}
	return starlark.NewList(all)
}
