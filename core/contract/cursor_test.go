package contract_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/path"
)

// What a process may do, path by path: w(rite), r(ead), walk, or nothing.
func TestFind(t *testing.T) {
	p, err := contract.Compile(contract.Contract{
		Name:    "p",
		Inputs:  []string{"domain.user", "domain.items[3]", "domain.accounts.*.name"},
		Outputs: []string{"domain.user.balance", "domain.accounts.alice", "domain.sig_box.done", `domain.d["k"]`},
	})
	require.NoError(t, err)
	for text, want := range map[string]string{
		"domain":                   "walk",
		"domain_ctx":               "walk",
		"global":                   "nothing",
		"domain.user":              "r",
		"domain.user.age":          "r",
		"domain.user.meta_seen":    "nothing",
		"domain.user.balance":      "w",
		"domain.user.balance.x[0]": "w",
		"domain.user.balance.sig_": "w",
		"domain.users":             "nothing",
		"domain.items":             "walk",
		"domain.items[3].x":        "r",
		"domain.items[2]":          "nothing",
		"domain.accounts":          "walk",
		"domain.accounts.bob":      "walk",
		"domain.accounts.bob.name": "r",
		"domain.accounts.bob.age":  "nothing",
		"domain.accounts.alice":    "w",
		"domain.sig_box":           "walk",
		"domain.sig_box.done":      "w",
		"domain.sig_box.other":     "nothing",
		"domain.accounts.sig_x":    "nothing",
		`domain.d["k"]`:            "w",
		"domain.d.k":               "nothing",
	} {
		where, err := path.Parse(text)
		require.NoError(t, err)
		require.Equal(t, want, say(p.Find(where)), text)
	}
	require.Equal(t, "w", say(contract.Everything("edit").Find(path.Path{{Kind: path.Attr, Name: "sig_x"}})))
	require.Equal(t, "nothing", say(contract.Nothing("p").Start()))
}

func say(c contract.Cursor) string {
	switch {
	case c.Writes():
		return "w"
	case c.Reads():
		return "r"
	case c.Walks():
		return "walk"
	case c.Denies():
		return "nothing"
	}
	return fmt.Sprintf("%#v", c)
}

// Cursors that agree on everything below have one key: all of what lies below an output does.
func TestKey(t *testing.T) {
	p, err := contract.Compile(contract.Contract{Name: "p", Inputs: []string{"domain.a.*"}, Outputs: []string{"domain.a", "domain.b"}})
	require.NoError(t, err)
	key := func(text string) string {
		where, err := path.Parse(text)
		require.NoError(t, err)
		return string(p.Find(where).AppendKey(nil))
	}
	require.Equal(t, key("domain.b"), key("domain.a"))
	require.Equal(t, key("domain.b"), key("domain.a.x[3]"))
	require.NotEqual(t, key("domain.b"), key("domain"))
}
