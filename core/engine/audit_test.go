package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/audit"
	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/registry"
	"github.com/theus-project/theus/core/transaction"
)

func load(t testing.TB, e *engine.Engine, level string) {
	t.Helper()
	text := "process_recipes: {p: {outputs: [{field: domain.x, max: 5, level: " + level + "}]}}"
	require.NoError(t, e.LoadAudit(engine.Recipe{Name: "recipe.yaml", Text: []byte(text)}))
}

func judge(t testing.TB, e *engine.Engine, p registry.ID, tx transaction.ID, x int64) (engine.Judgement, error) {
	t.Helper()
	plan, err := e.AuditPlan(p, audit.Output)
	require.NoError(t, err)
	return e.Judge(p, tx, audit.Output, plan.Generation, 7, 0, []audit.Value{audit.IntValue(x)})
}

// A process whose output rules were not asked, or that they refuse, does not leave; asking for one
// run is not asking for the next.
func TestRulesAreAsked(t *testing.T) {
	e := open(t, engine.Options{})
	p := register(t, e, "p", nil, []string{"domain"})
	load(t, e, "B")

	a := begin(t, e, p, 0)
	_, err := e.Finish(a.Tx, transaction.Returned, nil, alone(e))
	require.ErrorIs(t, err, fault.Invalid)
	_, err = e.Report(p, transaction.Returned, nil, alone(e))
	require.ErrorIs(t, err, fault.Invalid)

	a = begin(t, e, p, 0)
	_, err = judge(t, e, p, a.Tx, 6)
	require.ErrorIs(t, err, fault.AuditBlock)
	_, err = e.Finish(a.Tx, transaction.Refused, nil, alone(e))
	require.NoError(t, err)

	a = begin(t, e, p, 0)
	_, err = judge(t, e, p, a.Tx, 5)
	require.NoError(t, err)
	require.Equal(t, transaction.Done, finish(t, e, a.Tx).Step)

	_, err = judge(t, e, p, 0, 5)
	require.NoError(t, err)
	_, err = e.Report(p, transaction.Returned, nil, alone(e))
	require.NoError(t, err)
	_, err = e.Report(p, transaction.Returned, nil, alone(e))
	require.ErrorIs(t, err, fault.Invalid)
	_, err = e.Report(p, transaction.Undeclared, nil, alone(e))
	require.NoError(t, err)
	require.EqualValues(t, 7, e.Auditor().Log().Events(audit.Query{})[0].Stamp)
}

// While the engine is stopped nothing begins or leaves but edit, until it is reset.
func TestInterlock(t *testing.T) {
	e := open(t, engine.Options{})
	p := register(t, e, "p", nil, []string{"domain"})
	q := register(t, e, "q", nil, []string{"domain"})
	load(t, e, "S")

	around := begin(t, e, q, 0)
	a := begin(t, e, p, around.Tx)
	_, err := judge(t, e, p, a.Tx, 6)
	require.ErrorIs(t, err, fault.AuditInterlock)
	_, err = e.Finish(a.Tx, transaction.Refused, nil, alone(e))
	require.NoError(t, err)
	_, err = e.Begin(q, around.Tx, transaction.Start{})
	require.ErrorIs(t, err, fault.AuditInterlock)
	next, err := e.Finish(around.Tx, transaction.Returned, nil, alone(e))
	require.ErrorIs(t, err, fault.AuditInterlock)
	require.Equal(t, transaction.Drop, next.Step)

	_, err = e.Begin(q, 0, transaction.Start{})
	require.ErrorIs(t, err, fault.AuditInterlock)
	require.Equal(t, transaction.Done, finish(t, e, begin(t, e, engine.Edit, 0).Tx).Step)
	was, err := e.ResetInterlock()
	require.NoError(t, err)
	require.True(t, was)
	require.Equal(t, transaction.Done, finish(t, e, begin(t, e, q, 0).Tx).Step)
}

// A plan of other rules judges nothing, a malformed recipe changes nothing, and rules may read all.
func TestReplacing(t *testing.T) {
	e := open(t, engine.Options{})
	p := register(t, e, "p", nil, nil)
	load(t, e, "B")
	plan, err := e.AuditPlan(p, audit.Output)
	require.NoError(t, err)
	require.Len(t, plan.Needs, 1)
	for _, where := range []string{"domain.x", "domain.sig_x", "domain._x", "domain.heavy_x"} {
		require.Equal(t, guard.MayRead, at(t, e, plan.Root, where).Bits&^guard.IsPrivate, where)
	}

	load(t, e, "C")
	j, err := e.Judge(p, 0, audit.Output, plan.Generation, 0, 0, []audit.Value{audit.IntValue(6)})
	require.NoError(t, err)
	require.True(t, j.Stale)
	err = e.LoadAudit(engine.Recipe{Name: "recipe.yaml", Text: []byte("process_recipe: {}")})
	require.ErrorIs(t, err, fault.Config)
	err = e.LoadAudit(engine.Recipe{Name: "recipe", Text: []byte(`process_recipes: {p: {inputs: [{field: a, mx: 1}]}}`), Built: true})
	require.ErrorContains(t, err, "p: input rule 1")
	j, err = judge(t, e, p, 0, 6)
	require.NoError(t, err)
	require.Equal(t, 1, j.Events)

	edit, err := e.AuditPlan(engine.Edit, audit.Output)
	require.NoError(t, err)
	require.Empty(t, edit.Needs)
	_, err = e.AuditPlan(p, 9)
	require.ErrorIs(t, err, fault.Invalid)
}

// An attempt that repeats a run after a conflict is counted once with it, at every gate; the next
// run counts for itself, and a run that was forgotten is no run.
func TestRepeatedAttemptsCountOnce(t *testing.T) {
	e := open(t, engine.Options{})
	p := register(t, e, "p", nil, nil)
	load(t, e, "C")
	plan, err := e.AuditPlan(p, audit.Output)
	require.NoError(t, err)
	ask := func(run uint64, x int64) engine.Judgement {
		j, err := e.Judge(p, 0, audit.Output, plan.Generation, 0, run, []audit.Value{audit.IntValue(x)})
		require.NoError(t, err)
		return j
	}

	require.Equal(t, engine.Judgement{}, ask(0, 1))
	first := ask(0, 6)
	require.Equal(t, 1, first.Events)
	require.NotZero(t, first.Run)
	require.Equal(t, engine.Judgement{Run: first.Run}, ask(first.Run, 7))
	require.Equal(t, engine.Judgement{Run: first.Run}, ask(first.Run, 1))
	second := ask(0, 6)
	require.Equal(t, 1, second.Events)
	require.NotEqual(t, first.Run, second.Run)

	require.NoError(t, e.ForgetRun(first.Run))
	require.NoError(t, e.ForgetRun(first.Run))
	_, err = e.Judge(p, 0, audit.Output, plan.Generation, 0, first.Run, []audit.Value{audit.IntValue(6)})
	require.ErrorIs(t, err, fault.Ended)
}
