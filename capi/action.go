package main

// #include "theus.h"
import "C"

import "github.com/theus-project/theus/core/engine"

// toAction lays an action out for C. The transaction it may name gets its handle from that of the
// engine.
func toAction(engineHandle uint64, a engine.Action) C.theus_action {
	return C.theus_action{
		leased:  flag(a.Leased),
		reader:  flag(a.Reader),
		kind:    C.uint32_t(a.Step),
		raise:   C.uint32_t(a.Raise),
		tx:      C.theus_tx(txHandle(engineHandle, a.Tx)),
		version: C.uint64_t(a.Version),
		root:    toShape(a.Root),
	}
}
