package main

// #include "theus.h"
import "C"

import (
	"unsafe"

	"github.com/theus-project/theus/core/audit"
)

// roomKey makes room for what is looked for in a container.
func roomKey(p *pack, v audit.Value) {
	if v.Kind() == audit.Absent {
		return
	}
	room[C.theus_value](p, 1)
	p.text(keyText(v))
	items, _ := v.Items()
	for _, item := range items {
		roomKey(p, item)
	}
}

// keyText is the text of a scalar that has one.
func keyText(v audit.Value) string {
	if v.Kind() == audit.Exact {
		return v.Integer().String()
	}
	return v.Text()
}

var keyKinds = map[audit.Kind]C.uint32_t{
	audit.Null: C.THEUS_VALUE_NULL, audit.Bool: C.THEUS_VALUE_BOOL, audit.Int: C.THEUS_VALUE_INT,
	audit.Float: C.THEUS_VALUE_FLOAT, audit.Exact: C.THEUS_VALUE_EXACT, audit.String: C.THEUS_VALUE_STRING,
	audit.Bytes: C.THEUS_VALUE_BYTES, audit.List: C.THEUS_VALUE_LIST,
}

// putKey lays it out; the items of a tuple follow it.
func putKey(b *block, v audit.Value) *C.theus_value {
	to := &take[C.theus_value](b, 1)[0]
	layKey(b, to, v)
	return to
}

func layKey(b *block, to *C.theus_value, v audit.Value) {
	*to = C.theus_value{
		kind: keyKinds[v.Kind()], number: C.int64_t(v.Int()), real: C.double(v.Float()), text: b.putText(keyText(v)),
	}
	items, _ := v.Items()
	if v.Kind() != audit.List || len(items) == 0 {
		return
	}
	list := take[C.theus_value](b, len(items))
	to.items, to.n_items = (*C.theus_value)(unsafe.Pointer(&list[0])), C.size_t(len(list))
	for i, item := range items {
		layKey(b, &list[i], item)
	}
}
