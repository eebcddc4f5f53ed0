package main

// #include "theus.h"
import "C"

import (
	"github.com/theus-project/theus/core/audit"
	"github.com/theus-project/theus/core/engine"
)

func toSchema(in C.theus_schema_in) (s engine.Schema, err error) {
	if in == nil {
		return s, missing("schema")
	}
	if s.Name, err = clone(in.name); err != nil {
		return s, err
	}
	if s.Classes, err = cloneMany(in.classes, in.n_classes, "classes"); err != nil {
		return s, err
	}
	text, err := borrow(in.text)
	s.Text, s.Built = []byte(text), in.built != 0
	return s, err
}

//export theus_schema_load
func theus_schema_load(handle C.theus_engine, in C.theus_schema_in, out *C.theus_types, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		s, err := toSchema(in)
		if err != nil {
			return err
		}
		types, err := e.LoadSchema(s)
		if err != nil {
			return err
		}
		*out = toTypes(types)
		return nil
	})
}

//export theus_schema_describe
func theus_schema_describe(in C.theus_schema_in, out *C.theus_str, storage *C.theus_storage, failure *C.theus_error) C.theus_status {
	return call(nothing, 0, failure, func(*engine.Engine) error {
		if out == nil || storage == nil {
			return missing("out or storage")
		}
		s, err := toSchema(in)
		if err != nil {
			return err
		}
		schema, err := s.Load()
		if err != nil {
			return err
		}
		text := string(schema.Describe())
		var p pack
		p.text(text)
		block := p.alloc()
		*out, *storage = block.putText(text), C.theus_storage(block.start)
		return nil
	})
}

// even makes room for numbers of 4 bytes, so that what follows stays aligned.
func even(n int) int { return (n + 1) / 2 * 2 }

// toTypes lays a table out in memory of C's.
func toTypes(types []audit.Typing) C.theus_types {
	var p pack
	room[C.theus_typing](&p, len(types))
	for i := range types {
		t := &types[i]
		room[C.theus_typed_field](&p, len(t.Fields))
		room[C.uint32_t](&p, even(len(t.Members)))
		p.text(t.Class)
		for _, f := range t.Fields {
			p.text(f.Name)
		}
	}
	block := p.alloc()
	list := take[C.theus_typing](block, len(types))
	for i := range types {
		t := &types[i]
		list[i] = C.theus_typing{
			accepts: C.uint32_t(t.Accepts), item: C.uint32_t(t.Item), key: C.uint32_t(t.Key), asked: flag(t.Asked),
			class_name: block.putText(t.Class), n_fields: C.size_t(len(t.Fields)), n_members: C.size_t(len(t.Members)),
		}
		if fields := take[C.theus_typed_field](block, len(t.Fields)); len(fields) > 0 {
			list[i].fields = &fields[0]
			for k, f := range t.Fields {
				fields[k] = C.theus_typed_field{name: block.putText(f.Name), _type: C.uint32_t(f.Type)}
			}
		}
		if members := take[C.uint32_t](block, even(len(t.Members))); len(members) > 0 {
			list[i].members = &members[0]
			for k, m := range t.Members {
				members[k] = C.uint32_t(m)
			}
		}
	}
	return C.theus_types{types: &list[0], n_types: C.size_t(len(list)), storage: C.theus_storage(block.start)}
}

//export theus_schema_judge
func theus_schema_judge(handle C.theus_engine, number C.uint32_t, in C.theus_values_in, process C.theus_str, where C.theus_str, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if in == nil {
			return missing("value")
		}
		v, err := toValue((*C.theus_value)(in), 0)
		if err != nil {
			return err
		}
		name, err := clone(process)
		if err != nil {
			return err
		}
		at, err := clone(where)
		if err != nil {
			return err
		}
		return e.JudgeType(uint32(number), &v, name, at)
	})
}
