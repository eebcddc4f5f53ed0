package guard_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/path"
)

func lines(text ...string) string { return strings.Join(text, "\n") }

func domain(rest ...path.Segment) path.Path {
	return append(path.Path{attr("domain")}, rest...)
}

// Every refusal says who, what, where, what is allowed, the nearest name and the fix, in exactly
// these words.
func TestDeny(t *testing.T) {
	p, err := contract.Compile(contract.Contract{
		Name:    "debit",
		Inputs:  []string{"domain.user", "domain.rates.*.buy", "domain.items"},
		Outputs: []string{"domain.balance", "domain.accounts.alice"},
	})
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		tried  guard.Tried
		path   path.Path
		detail string
		kind   fault.Kind
		want   string
	}{
		{"write", guard.Write, domain(attr("ballance")), "", fault.Write, lines(
			`Illegal Write: 'domain_ctx.ballance' by process 'debit'`,
			`  it may write:  domain_ctx.balance, domain_ctx.accounts.alice`,
			`  did you mean:  domain_ctx.balance`,
			`  fix:           write domain_ctx.balance, or add "domain_ctx.ballance" to the outputs of @process`)},
		{"write what is far from all", guard.Write, domain(attr("q")), "", fault.Write, lines(
			`Illegal Write: 'domain_ctx.q' by process 'debit'`,
			`  it may write:  domain_ctx.balance, domain_ctx.accounts.alice`,
			`  fix:           add "domain_ctx.q" to the outputs of @process`)},
		{"write an ancestor", guard.Write, domain(attr("accounts")), "", fault.Write, lines(
			`Illegal Write: 'domain_ctx.accounts' by process 'debit'`,
			`  it may write:  domain_ctx.balance, domain_ctx.accounts.alice`,
			`  did you mean:  domain_ctx.accounts.alice`,
			`  fix:           write domain_ctx.accounts.alice, or add "domain_ctx.accounts" to the outputs of @process`)},
		{"delete", guard.Delete, domain(attr("accounts"), key("a.b")), "", fault.Write, lines(
			`Illegal Write: 'domain_ctx.accounts["a.b"]' by process 'debit'`,
			`  it may write:  domain_ctx.balance, domain_ctx.accounts.alice`,
			`  fix:           add 'domain_ctx.accounts["a.b"]' to the outputs of @process`)},
		{"read", guard.Read, domain(attr("usr")), "", fault.Read, lines(
			`Illegal Read: 'domain_ctx.usr' by process 'debit'`,
			`  it may read:   domain_ctx.user, domain_ctx.rates.*.buy, domain_ctx.items, domain_ctx.balance, domain_ctx.accounts.alice`,
			`  did you mean:  domain_ctx.user`,
			`  fix:           read domain_ctx.user, or add "domain_ctx.usr" to the inputs of @process`)},
		{"read past a wildcard", guard.Read, domain(attr("rates"), key("EUR"), attr("buyy")), "", fault.Read, lines(
			`Illegal Read: 'domain_ctx.rates["EUR"].buyy' by process 'debit'`,
			`  it may read:   domain_ctx.user, domain_ctx.rates.*.buy, domain_ctx.items, domain_ctx.balance, domain_ctx.accounts.alice`,
			`  did you mean:  domain_ctx.rates["EUR"].buy`,
			`  fix:           read domain_ctx.rates["EUR"].buy, or add 'domain_ctx.rates["EUR"].buyy' to the inputs of @process`)},
		{"a layer, by its short name", guard.Read, path.Path{attr("domian")}, "", fault.Read, lines(
			`Illegal Read: 'domian' by process 'debit'`,
			`  it may read:   domain_ctx.user, domain_ctx.rates.*.buy, domain_ctx.items, domain_ctx.balance, domain_ctx.accounts.alice`,
			`  did you mean:  domain_ctx`,
			`  fix:           read domain_ctx, or add "domian" to the inputs of @process`)},
		{"iterate", guard.Iterate, domain(), "", fault.Read, lines(
			`Illegal Read: 'domain_ctx' by process 'debit': it may only be walked through, to what is declared below it`,
			`  it may read:   domain_ctx.user, domain_ctx.rates.*.buy, domain_ctx.items, domain_ctx.balance, domain_ctx.accounts.alice`,
			`  did you mean:  domain_ctx.user`,
			`  fix:           read domain_ctx.user, or add "domain_ctx" to the inputs of @process`)},
		{"mutate an input", guard.Mutate, domain(attr("items")), "FrozenList", fault.Frozen, lines(
			`Illegal Write: 'domain_ctx.items' by process 'debit': Immutable Violation, this FrozenList is only an input`,
			`  it may write:  domain_ctx.balance, domain_ctx.accounts.alice`,
			`  fix:           add "domain_ctx.items" to the outputs of @process`)},
		{"assign below an input", guard.Write, domain(attr("user"), attr("name")), "", fault.Frozen, lines(
			`Illegal Write: 'domain_ctx.user.name' by process 'debit': Immutable Violation, what holds it is only an input`,
			`  it may write:  domain_ctx.balance, domain_ctx.accounts.alice`,
			`  fix:           add "domain_ctx.user.name" to the outputs of @process`)},
		{"assign an input itself", guard.Write, domain(attr("items")), "", fault.Write, lines(
			`Illegal Write: 'domain_ctx.items' by process 'debit'`,
			`  it may write:  domain_ctx.balance, domain_ctx.accounts.alice`,
			`  fix:           add "domain_ctx.items" to the outputs of @process`)},
		{"private", guard.Read, domain(attr("user"), attr("_pin")), "", fault.Private, lines(
			`Illegal Read: 'domain_ctx.user._pin' by process 'debit': _pin is private to its object`,
			`  fix:           use a public name; only methods of the object itself may use its own _names`)},
		{"read a signal below an input", guard.Read, domain(attr("user"), attr("sig_go")), "", fault.Zone, lines(
			`Illegal Read: 'domain_ctx.user.sig_go' by process 'debit': SECURITY VIOLATION, Zone Policy Violation: no input makes a SIGNAL path readable`,
			`  it may read:   domain_ctx.user, domain_ctx.rates.*.buy, domain_ctx.items, domain_ctx.balance, domain_ctx.accounts.alice`,
			`  fix:           add "domain_ctx.user.sig_go" to the outputs of @process`)},
		{"read a signal", guard.Read, domain(attr("sig_go")), "", fault.Read, lines(
			`Illegal Read: 'domain_ctx.sig_go' by process 'debit'`,
			`  it may read:   domain_ctx.user, domain_ctx.rates.*.buy, domain_ctx.items, domain_ctx.balance, domain_ctx.accounts.alice`,
			`  fix:           add "domain_ctx.sig_go" to the outputs of @process`)},
		{"store", guard.Store, domain(attr("lock")), "_thread.lock", fault.Unsupported, lines(
			`Unsupported Value: 'domain_ctx.lock' by process 'debit': a value of type _thread.lock cannot live there`,
			`  fix:           keep it in a field named heavy_lock, or store theus.opaque(it): both are passed by reference and not rolled back; or say with theus.register_type how its type is copied`)},
		{"a key that cannot be declared", guard.Read, domain(attr("grid"), path.Segment{Kind: path.Other, Name: "(1, 2)"}), "", fault.Read, lines(
			`Illegal Read: 'domain_ctx.grid[(1, 2)]' by process 'debit'`,
			`  it may read:   domain_ctx.user, domain_ctx.rates.*.buy, domain_ctx.items, domain_ctx.balance, domain_ctx.accounts.alice`,
			`  fix:           add "domain_ctx.grid" to the inputs of @process`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := guard.Deny([]*contract.Policy{p}, c.tried, c.path, c.detail)
			require.Equal(t, c.want, e.Text)
			require.ErrorIs(t, e, c.kind)
			require.Equal(t, "debit", e.Process)
			require.Equal(t, c.path.Canonical().String(), e.Path)
			require.True(t, strings.HasSuffix(e.Text, e.Hint))
			require.NotEmpty(t, e.Op)
			if e.Nearest != "" {
				require.Contains(t, e.Text, "\n  did you mean:  "+e.Nearest+"\n")
			}
			if shown := strings.Join(e.Allowed, ", "); shown != "" {
				require.Regexp(t, `\n  it may (read: |write:)  `+regexp.QuoteMeta(shown)+`\n`, e.Text)
			}
		})
	}
}

// When a caller's contract refuses, the message says so and the fix is in the caller's contract.
func TestDenyNested(t *testing.T) {
	inner, outer := compile(t, "inner", "domain.a"), compile(t, "outer", "domain.b")
	e := guard.Deny([]*contract.Policy{inner, outer}, guard.Write, domain(attr("a")), "")
	require.Equal(t, lines(
		`Illegal Write: 'domain_ctx.a' by process 'inner'`,
		`  refused by:    its caller, process 'outer'`,
		`  it may write:  domain_ctx.b`,
		`  fix:           add "domain_ctx.a" to the outputs of process 'outer'`), e.Text)
	require.Equal(t, []string{"domain_ctx.b"}, e.Allowed)
}

// A long allow list is shortened, an empty one says so, and edit() is no process.
func TestDenyLists(t *testing.T) {
	var outputs []string
	for i := range 17 {
		outputs = append(outputs, fmt.Sprintf("domain.list%d.field", i))
	}
	e := guard.Deny([]*contract.Policy{compile(t, "p", outputs...)}, guard.Write, domain(attr("q")), "")
	require.Contains(t, e.Text, "domain_ctx.list4.field, and 12 more\n")
	require.Len(t, e.Allowed, 17, "hosts get them all")
	require.Equal(t, "domain_ctx.list16.field", e.Allowed[16])
	e = guard.Deny([]*contract.Policy{compile(t, "p")}, guard.Write, domain(attr("q")), "")
	require.Contains(t, e.Text, "it may write:  nothing\n")
	e = guard.Deny([]*contract.Policy{contract.Everything("edit")}, guard.Read, domain(attr("_q")), "")
	require.Equal(t, "Illegal Read: 'domain_ctx._q' by edit(): _q is private to its object", e.Error())
	require.ErrorIs(t, guard.Deny(nil, 0, nil, ""), fault.Invalid)
}

// Whatever is tried on whatever path, the refusal is complete, and following its advice helps.
func TestDenyProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _ := contracts(t)
		where := path.Path(rapid.SliceOfN(rapid.Custom(met), 0, 5).Draw(t, "path"))
		tried := guard.Tried(rapid.IntRange(1, 6).Draw(t, "tried"))
		e := guard.Deny([]*contract.Policy{p}, tried, where, "")
		require.GreaterOrEqual(t, e.Kind, fault.Read)
		require.LessOrEqual(t, e.Kind, fault.Unsupported)
		require.Contains(t, e.Error(), "'"+e.Path+"' by process 'p'")
		require.NotEmpty(t, e.Hint)
		require.NotContains(t, e.Error(), "\n")
		checkAdvice(t, e, where)
	})
}

// checkAdvice adds what the hint says, in a contract of its own, and looks.
func checkAdvice(t *rapid.T, e *fault.Error, where path.Path) {
	_, advice, ok := strings.Cut(e.Hint, "add ")
	if !ok {
		return
	}
	literal, list, ok := strings.Cut(advice, " to the ")
	require.True(t, ok)
	entry := strings.Trim(literal, "'")
	if literal[0] == '"' {
		var err error
		entry, err = strconv.Unquote(literal)
		require.NoError(t, err)
	}
	c := contract.Contract{Name: "p", Inputs: []string{entry}}
	if strings.HasPrefix(list, "outputs") {
		c.Inputs, c.Outputs = nil, c.Inputs
	}
	p, err := contract.Compile(c)
	require.NoError(t, err, e.Text)
	require.True(t, p.Find(where).Reads(), e.Text)
}
