package main

// #include "theus.h"
import "C"

import (
	"runtime"
	"sync"

	"github.com/theus-project/theus/core/zone"
)

// describe gives the facts about the library. Its strings are made once, by C, and stay.
var describe = sync.OnceValue(func() C.theus_info {
	return C.theus_info{
		version:       C.CString(version),
		go_version:    C.CString(runtime.Version()),
		zone_prefixes: C.CString(zone.Prefixes()),
	}
})
