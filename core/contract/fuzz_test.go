package contract_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/path"
)

// No contract makes the compiler panic, and what compiles can be asked about any path.
func FuzzCompile(f *testing.F) {
	f.Add("domain.a,domain.*.b", "domain.a.sig_x,domain.d['k']", "domain.a.b[3]")
	f.Add("global.limit", "domain", "domain.x.y")
	f.Fuzz(func(t *testing.T, inputs, outputs, text string) {
		p, err := contract.Compile(contract.Contract{
			Name: "p", Inputs: strings.Split(inputs, ","), Outputs: strings.Split(outputs, ","),
		})
		if err != nil {
			return
		}
		where, err := path.Parse(text)
		if err != nil {
			return
		}
		c := p.Find(where)
		require.True(t, !c.Writes() || c.Reads())
		require.True(t, !c.Reads() || !c.Walks())
	})
}
