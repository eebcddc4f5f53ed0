package main

// #include "theus.h"
import "C"

import (
	"math"
	"runtime"
	"slices"
	"strconv"

	"github.com/theus-project/theus/core/audit"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/heavy"
)

// maxValueDepth bounds the items of items.
const maxValueDepth = 64

// toValues appends what the host says about some fields. Nothing of it stays the caller's.
func toValues(to []audit.Value, first *C.theus_value, count C.size_t, deep int) ([]audit.Value, error) {
	list, err := borrowMany(first, count, "values")
	if err != nil {
		return nil, err
	}
	if deep > maxValueDepth {
		return nil, tooDeep()
	}
	for i := range list {
		if in := &list[i]; in._type.len == 0 { // the usual ones, without a detour
			switch in.kind {
			case C.THEUS_VALUE_INT:
				to = append(to, audit.IntValue(int64(in.number)))
				continue
			case C.THEUS_VALUE_FLOAT:
				to = append(to, audit.FloatValue(float64(in.real)))
				continue
			}
		}
		v, err := toValue(&list[i], deep)
		if err != nil {
			return nil, err
		}
		to = append(to, v)
	}
	return to, nil
}

func toValue(in *C.theus_value, deep int) (v audit.Value, err error) {
	switch in.kind {
	case C.THEUS_VALUE_NULL:
		v = audit.NullValue()
	case C.THEUS_VALUE_BOOL:
		v = audit.BoolValue(in.number != 0)
	case C.THEUS_VALUE_INT:
		v = audit.IntValue(int64(in.number))
	case C.THEUS_VALUE_FLOAT:
		v = audit.FloatValue(float64(in.real))
	case C.THEUS_VALUE_ABSENT:
		return audit.AbsentValue(), nil
	default:
		if v, err = toLarge(in, deep); err != nil {
			return v, err
		}
	}
	if in._type.len > 0 {
		types, err := clone(in._type)
		if err != nil {
			return v, err
		}
		v = v.WithType(types)
	}
	return v, nil
}

// toLarge reads the values that are more than a number.
func toLarge(in *C.theus_value, deep int) (v audit.Value, err error) {
	switch in.kind {
	case C.THEUS_VALUE_RAISED, C.THEUS_VALUE_EXACT, C.THEUS_VALUE_STRING, C.THEUS_VALUE_BYTES:
		text, err := clone(in.text)
		if err != nil {
			return v, err
		}
		switch in.kind {
		case C.THEUS_VALUE_RAISED:
			return audit.RaisedValue(text), nil
		case C.THEUS_VALUE_EXACT:
			return audit.NumberValue(text), nil
		case C.THEUS_VALUE_STRING:
			v = audit.StringValue(text)
		default:
			v = audit.BytesValue(text)
		}
	case C.THEUS_VALUE_LIST, C.THEUS_VALUE_MAP:
		if in.flags&C.THEUS_HAS_ITEMS == 0 {
			v = audit.ListLen(int64(in.length))
			if in.kind == C.THEUS_VALUE_MAP {
				v = audit.MapLen(int64(in.length))
			}
			break
		}
		items, err := toValues(nil, in.items, in.n_items, deep+1)
		if err != nil {
			return v, err
		}
		if in.kind == C.THEUS_VALUE_MAP {
			return withForm(audit.MapValue(items...), in), nil
		}
		return withForm(audit.ListValue(items...), in), nil
	case C.THEUS_VALUE_ARRAY:
		facts, err := toFacts(in)
		if err != nil {
			return v, err
		}
		v = audit.ArrayValue(int64(in.length), facts)
	case C.THEUS_VALUE_OBJECT:
		v = audit.ObjectValue("object")
		if in.flags&C.THEUS_HAS_ITEMS != 0 {
			items, err := toValues(nil, in.items, in.n_items, deep+1)
			if err != nil {
				return v, err
			}
			v = v.WithItems(items...)
		}
	case C.THEUS_VALUE_EACH:
		return toEach(in, deep)
	default:
		return v, fault.New(fault.Invalid, "a value of kind %d does not exist", uint32(in.kind))
	}
	if in.flags&C.THEUS_HAS_LENGTH != 0 {
		v = v.WithLen(int64(in.length))
	}
	return withForm(v, in), nil
}

// withForm says which container a value is, where the host was asked.
func withForm(v audit.Value, in *C.theus_value) audit.Value {
	form := audit.Plain
	switch {
	case in.flags&C.THEUS_IS_TUPLE != 0:
		form = audit.Tuple
	case in.flags&C.THEUS_IS_SEQUENCE != 0:
		form = audit.Sequence
	case in.flags&C.THEUS_IS_SET != 0:
		form = audit.Set
	}
	return v.WithForm(form, in.flags&C.THEUS_IS_TRUE != 0)
}

func toEach(in *C.theus_value, deep int) (audit.Value, error) {
	list, err := borrowMany(in.items, in.n_items, "items")
	if err != nil {
		return audit.Value{}, err
	}
	items := make([]audit.Item, len(list))
	for i := range list {
		if items[i].Path, err = clone(list[i].path); err != nil {
			return audit.Value{}, err
		}
		if deep >= maxValueDepth {
			return audit.Value{}, tooDeep()
		}
		if items[i].Value, err = toValue(&list[i], deep+1); err != nil {
			return audit.Value{}, err
		}
	}
	return audit.EachValue(items...), nil
}

// toFacts finds out what was asked of an array, where it lies. What is not known violates.
func toFacts(in *C.theus_value) (f audit.Facts, err error) {
	if in.array == nil {
		return f, nil
	}
	a, err := toArray(in.array)
	if err == nil {
		err = a.Check()
	}
	if err != nil {
		return f, err
	}
	asked := audit.Ask(in.number)
	if asked&audit.AskLayout != 0 {
		f.Known |= audit.AskLayout
		f.Shape = slices.Clone(a.Shape)
		f.Bytes = int64(a.Size)
		for _, n := range a.Shape {
			f.Bytes *= n
		}
		if f.Dtype, err = clone(in.text); err != nil {
			return f, err
		}
	}
	var ask heavy.Ask
	if asked&audit.AskFinite != 0 {
		ask |= heavy.AskFinite
	}
	if asked&audit.AskExtreme != 0 {
		ask |= heavy.AskExtreme
	}
	if ask == 0 {
		return f, nil
	}
	found := heavy.Scan(&a, ask, runtime.GOMAXPROCS(0), atOnce)
	f.Known |= audit.AskFinite
	f.Finite = found.Finite
	switch {
	case ask&heavy.AskExtreme == 0 || found.Empty:
		return f, nil
	case found.NaN:
		f.Min, f.Max = audit.FloatValue(math.NaN()), audit.FloatValue(math.NaN())
	default:
		f.Min, f.Max = toBound(found.Min), toBound(found.Max)
	}
	f.Known |= audit.AskExtreme
	return f, nil
}

func toBound(b heavy.Bound) audit.Value {
	switch {
	case b.Kind == heavy.Float:
		return audit.FloatValue(b.Float())
	case b.Kind == heavy.Uint && b.Bits > math.MaxInt64:
		return audit.NumberValue(strconv.FormatUint(b.Bits, 10))
	default:
		return audit.IntValue(int64(b.Bits))
	}
}
