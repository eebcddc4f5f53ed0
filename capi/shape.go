package main

// #include "theus.h"
import "C"

import (
	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/registry"
)

// toShape lays a shape out for C.
func toShape(s guard.Shape) C.theus_shape {
	return C.theus_shape{
		id:    C.theus_shape_id(s.ID),
		bits:  C.uint8_t(s.Bits),
		zone:  C.uint8_t(s.Zone),
		layer: C.uint8_t(s.Layer),
		flags: C.uint8_t(s.Flags),
	}
}

// toSegment reads a segment; its text stays the caller's.
func toSegment(in *C.theus_segment) (path.Segment, error) {
	seg := path.Segment{Kind: path.Kind(in.kind)}
	switch in.kind {
	case C.THEUS_INT:
		seg.Index = int64(in.number)
		return seg, nil
	case C.THEUS_ATTR, C.THEUS_TEXT, C.THEUS_OTHER:
		var err error
		seg.Name, err = borrow(in.text)
		return seg, err
	default:
		return path.Segment{}, fault.New(fault.Invalid, "a segment of kind %d does not exist", uint32(in.kind))
	}
}

// toPath reads segments; their texts stay the caller's.
func toPath(first C.theus_segment_in, count C.size_t) (path.Path, error) {
	segments, err := borrowMany((*C.theus_segment)(first), count, "segments")
	if err != nil {
		return nil, err
	}
	where := make(path.Path, len(segments))
	for i := range segments {
		if where[i], err = toSegment(&segments[i]); err != nil {
			return nil, err
		}
	}
	return where, nil
}

//export theus_shape_child
func theus_shape_child(handle C.theus_engine, shape C.theus_shape_id, segment C.theus_segment_in, out *C.theus_shape, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if segment == nil || out == nil {
			return missing("segment or out")
		}
		seg, err := toSegment(segment)
		if err != nil {
			return err
		}
		child, err := e.Child(guard.ID(shape), seg)
		if err != nil {
			return err
		}
		*out = toShape(child)
		return nil
	})
}

//export theus_shape_items
func theus_shape_items(handle C.theus_engine, shape C.theus_shape_id, out *C.theus_shape, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		items, err := e.Items(guard.ID(shape))
		if err != nil {
			return err
		}
		*out = toShape(items)
		return nil
	})
}

//export theus_deny
func theus_deny(handle C.theus_engine, tx C.theus_tx, tried C.uint32_t, first C.theus_segment_in, count C.size_t, detail C.theus_str, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		id, err := innerID(uint64(handle), uint64(tx))
		if err != nil {
			return err
		}
		where, err := toPath(first, count)
		if err != nil {
			return err
		}
		what, err := borrow(detail)
		if err != nil {
			return err
		}
		return e.Deny(id, guard.Tried(tried), where, what)
	})
}

//export theus_decide
func theus_decide(handle C.theus_engine, process C.theus_process, text C.theus_str, out *C.theus_shape, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		where, err := parse(text)
		if err != nil {
			return err
		}
		shape, err := e.Decide(registry.ID(process), where)
		if err != nil {
			return err
		}
		*out = toShape(shape)
		return nil
	})
}
