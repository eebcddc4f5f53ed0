package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/registry"
	"github.com/theus-project/theus/core/transaction"
)

// open gives an engine that the test leaves without open transactions.
func open(t testing.TB, o engine.Options) *engine.Engine {
	t.Helper()
	e, err := engine.New(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.Zero(t, e.Open(), "every transaction ended")
		_, err := e.Close()
		require.NoError(t, err)
	})
	return e
}

func register(t testing.TB, e *engine.Engine, name string, inputs, outputs []string) registry.ID {
	t.Helper()
	id, err := e.Register(contract.Contract{Name: name, Inputs: inputs, Outputs: outputs})
	require.NoError(t, err)
	return id
}

func begin(t testing.TB, e *engine.Engine, p registry.ID, outer transaction.ID) engine.Action {
	t.Helper()
	a, err := e.Begin(p, outer, transaction.Start{})
	require.NoError(t, err)
	require.Equal(t, transaction.Run, a.Step)
	return a
}

// alone is what a process has read while no other ran.
func alone(e *engine.Engine) *transaction.Reads {
	return &transaction.Reads{Seen: e.Version(), Oldest: transaction.Alone}
}

func finish(t testing.TB, e *engine.Engine, tx transaction.ID, log ...transaction.Record) engine.Action {
	t.Helper()
	a, err := e.Finish(tx, transaction.Returned, log, alone(e))
	require.NoError(t, err)
	return a
}

func at(t testing.TB, e *engine.Engine, from guard.Shape, text string) guard.Shape {
	t.Helper()
	p, err := path.Parse(text)
	require.NoError(t, err)
	for _, seg := range p {
		seg.Kind = path.Attr
		from, err = e.Child(from.ID, seg)
		require.NoError(t, err)
	}
	return from
}

// An option out of range is an error that names it.
func TestOptions(t *testing.T) {
	for _, depth := range []int{-1, 10_001} {
		_, err := engine.New(engine.Options{MaxDepth: depth})
		require.ErrorIs(t, err, fault.Invalid)
		require.ErrorContains(t, err, "max_depth")
	}
}

// How a process failed decides how its error reaches the caller.
func TestRaise(t *testing.T) {
	e := open(t, engine.Options{})
	want := map[transaction.Outcome]engine.Raise{
		transaction.Declared:    engine.RaiseAsIs,
		transaction.Undeclared:  engine.RaiseWrapped,
		transaction.Refused:     engine.RaiseAsIs,
		transaction.Interrupted: engine.RaiseAsIs,
		transaction.Unstarted:   engine.RaiseAsIs,
	}
	for outcome, raise := range want {
		a, err := e.Finish(begin(t, e, engine.Edit, 0).Tx, outcome, nil, alone(e))
		require.NoError(t, err)
		require.Equal(t, engine.Action{Step: transaction.Drop, Raise: raise}, a)
	}
}

// A log that is not what it must be ends the transaction, and the error says why.
func TestBadLog(t *testing.T) {
	e := open(t, engine.Options{})
	p := register(t, e, "p", []string{"domain.a"}, nil)
	run := begin(t, e, p, 0)
	log := []transaction.Record{{Op: transaction.Set, Shape: uint32(at(t, e, run.Root, "domain.a").ID)}}
	a, err := e.Finish(run.Tx, transaction.Returned, log, alone(e))
	require.ErrorIs(t, err, fault.Write)
	require.Equal(t, engine.Action{Step: transaction.Drop}, a)
	_, err = e.Finish(run.Tx, transaction.Returned, nil, alone(e))
	require.ErrorIs(t, err, fault.Ended)
}

// A process inside another may do what both may, however deep, and edit() cuts nothing.
func TestNestedRights(t *testing.T) {
	e := open(t, engine.Options{})
	ab := register(t, e, "ab", nil, []string{"domain.a", "domain.b"})
	bc := register(t, e, "bc", nil, []string{"domain.b", "domain.c"})
	writes := func(root guard.Shape) (allowed string) {
		for _, name := range []string{"a", "b", "c"} {
			if at(t, e, root, "domain."+name).Bits&guard.MayWrite != 0 {
				allowed += name
			}
		}
		return allowed
	}
	chains := []struct {
		processes []registry.ID
		allowed   string
	}{
		{[]registry.ID{engine.Edit}, "abc"},
		{[]registry.ID{ab}, "ab"},
		{[]registry.ID{ab, bc}, "b"},
		{[]registry.ID{bc, ab}, "b"},
		{[]registry.ID{ab, bc, ab, ab}, "b"},
		{[]registry.ID{ab, engine.Edit}, "ab"},
		{[]registry.ID{engine.Edit, bc}, "bc"},
	}
	for _, c := range chains {
		var open []engine.Action
		var outer transaction.ID
		for _, p := range c.processes {
			a := begin(t, e, p, outer)
			outer, open = a.Tx, append(open, a)
		}
		require.Equal(t, c.allowed, writes(open[len(open)-1].Root), "%v", c.processes)
		for i := len(open) - 1; i >= 0; i-- {
			finish(t, e, open[i].Tx)
		}
	}
}

// A denial speaks of the process that tried, not of its callers.
func TestDenyNamesTheProcess(t *testing.T) {
	e := open(t, engine.Options{})
	outer := begin(t, e, register(t, e, "outer", nil, []string{"domain.a"}), 0)
	inner := begin(t, e, register(t, e, "inner", nil, []string{"domain.b"}), outer.Tx)
	where := path.Path{{Kind: path.Attr, Name: "domain_ctx"}, {Kind: path.Attr, Name: "c"}}
	var f *fault.Error
	require.ErrorAs(t, e.Deny(inner.Tx, guard.Write, where, ""), &f)
	require.Equal(t, "inner", f.Process)
	require.Equal(t, fault.Write, f.Kind)
	require.ErrorIs(t, e.Deny(inner.Tx, 0, where, ""), fault.Invalid)
	finish(t, e, inner.Tx)
	require.ErrorIs(t, e.Deny(inner.Tx, guard.Write, where, ""), fault.Ended)
	finish(t, e, outer.Tx)
}

// Registering a name again changes nothing for a process that runs.
func TestReplacedProcess(t *testing.T) {
	e := open(t, engine.Options{})
	old := register(t, e, "p", nil, []string{"domain.a"})
	run := begin(t, e, old, 0)
	fresh := register(t, e, "p", nil, []string{"domain.b"})
	found, err := e.Find("p")
	require.NoError(t, err)
	require.Equal(t, fresh, found)
	require.NotZero(t, at(t, e, run.Root, "domain.a").Bits&guard.MayWrite)
	finish(t, e, run.Tx)
	finish(t, e, begin(t, e, old, 0).Tx)
}

// What does not exist is refused, with the nearest name where there is one.
func TestUnknown(t *testing.T) {
	e := open(t, engine.Options{})
	register(t, e, "debit", nil, nil)
	_, err := e.Find("debt")
	require.ErrorIs(t, err, fault.NotFound)
	require.ErrorContains(t, err, "debit")
	_, err = e.Begin(99, 0, transaction.Start{})
	require.ErrorIs(t, err, fault.NotFound)
	_, err = e.Begin(engine.Edit, 99, transaction.Start{})
	require.ErrorIs(t, err, fault.Ended)
	_, err = e.Decide(99, nil)
	require.ErrorIs(t, err, fault.NotFound)
	_, err = e.Register(contract.Contract{Name: "p", Inputs: []string{"a..b"}})
	require.ErrorIs(t, err, fault.Invalid)
}

// After its end an engine refuses everything and has no transaction left.
func TestClosed(t *testing.T) {
	e, err := engine.New(engine.Options{})
	require.NoError(t, err)
	p := register(t, e, "p", nil, nil)
	run := begin(t, e, p, 0)
	serial, err := e.Close()
	require.NoError(t, err)
	require.EqualValues(t, 1, serial)
	require.Zero(t, e.Open())

	calls := map[string]func() error{
		"close":    func() error { _, err := e.Close(); return err },
		"register": func() error { _, err := e.Register(contract.Contract{Name: "q"}); return err },
		"find":     func() error { _, err := e.Find("p"); return err },
		"child":    func() error { _, err := e.Child(run.Root.ID, path.Segment{Kind: path.Int}); return err },
		"items":    func() error { _, err := e.Items(run.Root.ID); return err },
		"decide":   func() error { _, err := e.Decide(p, nil); return err },
		"deny":     func() error { return e.Deny(run.Tx, guard.Read, nil, "") },
		"begin":    func() error { _, err := e.Begin(p, 0, transaction.Start{}); return err },
		"finish":   func() error { _, err := e.Finish(run.Tx, transaction.Returned, nil, alone(e)); return err },
		"applied":  func() error { _, err := e.Applied(run.Tx, true); return err },
		"retract":  func() error { return e.Retract(1) },
	}
	for name, call := range calls {
		require.ErrorIs(t, call(), fault.Closed, name)
	}

	next := open(t, engine.Options{LastSerial: serial})
	other := begin(t, next, engine.Edit, 0)
	require.NotEqual(t, run.Tx, other.Tx)
	_, err = next.Finish(run.Tx, transaction.Returned, nil, alone(next))
	require.ErrorIs(t, err, fault.Ended)
	finish(t, next, other.Tx)
}

// A report is a begin and a finish: it gives the same answers and the same versions.
func TestReport(t *testing.T) {
	e := open(t, engine.Options{})
	p := register(t, e, "p", nil, []string{"domain.a"})
	run := begin(t, e, p, 0)
	require.True(t, run.Leased)
	log := []transaction.Record{{Op: transaction.Set, Shape: uint32(at(t, e, run.Root, "domain.a").ID)}}
	for version := uint64(1); version < 4; version++ { // beside another that is open

		a, err := e.Report(p, transaction.Returned, log, alone(e))
		require.NoError(t, err)
		require.Equal(t, engine.Action{Step: transaction.Commit, Version: version}, a)
		a, err = e.Report(p, transaction.Declared, log, alone(e))
		require.NoError(t, err)
		require.Equal(t, engine.Action{Step: transaction.Drop, Raise: engine.RaiseAsIs}, a)
	}
	finish(t, e, run.Tx)
	edit := begin(t, e, engine.Edit, 0)
	for range 3 {
		a, err := e.Report(p, transaction.Returned, log, alone(e))
		require.NoError(t, err)
		require.Equal(t, engine.Action{Step: transaction.Wait}, a, "a block has priority")
		require.Equal(t, 1, e.Open(), "one that waits leaves nothing behind")
	}
	finish(t, e, edit.Tx, log...)

	log[0].Flags = transaction.Foreign
	a, err := e.Report(p, transaction.Returned, log, alone(e))
	require.NoError(t, err)
	require.Equal(t, transaction.Apply, a.Step)
	a, err = e.Applied(a.Tx, true)
	require.NoError(t, err)
	require.Equal(t, engine.Action{Step: transaction.Done, Version: 5}, a)
}

// A process that declares side effects, and a block, do not run again; the error says why and
// against whom they lost. Any other process does.
func TestLosers(t *testing.T) {
	e := open(t, engine.Options{})
	winner := register(t, e, "winner", nil, []string{"domain.a"})
	plain := register(t, e, "plain", nil, []string{"domain"})
	sends, err := e.Register(contract.Contract{Name: "sends", Outputs: []string{"domain"}, SideEffects: 1})
	require.NoError(t, err)
	for _, loser := range []registry.ID{plain, sends, engine.Edit} {
		reads := &transaction.Reads{
			Slots: []transaction.Read{{Object: 1, Key: 16}, {Object: 1}},
			Seen:  e.Version(),
			Hasty: true,
		}
		slow, err := e.Begin(loser, 0, transaction.Start{})
		require.NoError(t, err)
		first := begin(t, e, winner, 0)
		log := []transaction.Record{{Op: transaction.Set, Shape: uint32(at(t, e, first.Root, "domain.a").ID), Object: 1, Key: 16}}
		next, err := e.Finish(first.Tx, transaction.Returned, log, reads)
		require.NoError(t, err)
		require.Equal(t, transaction.Commit, next.Step)

		asked, caught := e.CatchUp(loser, reads)
		log[0].Shape = uint32(at(t, e, slow.Root, "domain.a").ID)
		next, err = e.Finish(slow.Tx, transaction.Returned, log, reads)
		require.Equal(t, next, asked)
		if loser == plain {
			require.NoError(t, caught)
			require.NoError(t, err)
			require.Equal(t, engine.Action{Step: transaction.Again}, next)
			continue
		}
		require.Equal(t, caught, err)
		require.ErrorIs(t, err, fault.Conflict)
		require.ErrorContains(t, err, "process 'winner', which committed version")
		require.Equal(t, engine.Action{Step: transaction.Drop}, next)
	}
	require.Equal(t, transaction.Stats{Commits: 3, Conflicts: 6}, e.Stats())
}

// A contract that lets nothing be written but HEAVY makes a reader.
func TestReaders(t *testing.T) {
	e := open(t, engine.Options{})
	for _, c := range []struct {
		outputs []string
		reader  bool
	}{{nil, true}, {[]string{"domain.heavy_x"}, true}, {[]string{"domain.heavy_x", "domain.x"}, false}, {[]string{"domain.sig_x"}, false}} {
		run := begin(t, e, register(t, e, "p", []string{"domain"}, c.outputs), 0)
		require.Equal(t, c.reader, run.Reader)
		finish(t, e, run.Tx)
	}
	edit := begin(t, e, engine.Edit, 0)
	require.False(t, edit.Reader)
	finish(t, e, edit.Tx)
}

// Neither edit() nor a process inside another is leased.
func TestNotLeased(t *testing.T) {
	e := open(t, engine.Options{})
	p := register(t, e, "p", nil, nil)
	edit := begin(t, e, engine.Edit, 0)
	require.False(t, edit.Leased)
	inner := begin(t, e, p, edit.Tx)
	require.False(t, inner.Leased)
	finish(t, e, inner.Tx)
	finish(t, e, edit.Tx)
}

// In steady state a process costs no memory, nested or not.
func TestCallAllocatesNothing(t *testing.T) {
	e := open(t, engine.Options{})
	p := register(t, e, "p", nil, []string{"domain.a"})
	q := register(t, e, "q", nil, []string{"domain"})
	root := begin(t, e, p, 0)
	log := []transaction.Record{{Op: transaction.Set, Shape: uint32(at(t, e, root.Root, "domain.a").ID)}}
	finish(t, e, root.Tx)
	once := func() {
		outer, _ := e.Begin(p, 0, transaction.Start{})
		inner, _ := e.Begin(q, outer.Tx, transaction.Start{})
		_, _ = e.Finish(inner.Tx, transaction.Returned, log, alone(e))
		_, _ = e.Finish(outer.Tx, transaction.Returned, log, alone(e))
		_, _ = e.Report(p, transaction.Returned, log, alone(e))
	}
	require.Zero(t, testing.AllocsPerRun(100, once))
}
