package main

// #include "theus.h"
import "C"

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/theus-project/theus/core/engine"
)

// built gives what Go recorded when it linked the library. Its strings are made once, by C, and
// stay.
var built = sync.OnceValue(func() C.theus_build {
	var modules, settings strings.Builder
	info, _ := debug.ReadBuildInfo() // only a binary built without modules has none
	if info != nil {
		for _, m := range info.Deps {
			fmt.Fprintf(&modules, "%s %s\n", m.Path, m.Version)
		}
		for _, s := range info.Settings {
			fmt.Fprintf(&settings, "%s=%s\n", s.Key, s.Value)
		}
	}
	return C.theus_build{
		platform: C.CString(runtime.GOOS + "/" + runtime.GOARCH),
		modules:  C.CString(modules.String()),
		settings: C.CString(settings.String()),
	}
})

//export theus_built
func theus_built(out *C.theus_build) C.theus_status {
	return call(nothing, 0, nil, func(*engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		*out = built()
		return nil
	})
}
