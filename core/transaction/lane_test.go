package transaction

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/host"
	"github.com/theus-project/theus/core/internal/invariant"
)

func begin(t *testing.T, l *Lane, outer *Transaction) *Transaction {
	t.Helper()
	tx, err := l.Begin(outer, 0, Start{})
	require.NoError(t, err)
	require.NotNil(t, tx, "nobody else is in charge")
	return tx
}

// alone is what a transaction has read while no other was open.
func alone(l *Lane) *Reads { return &Reads{Seen: l.Newest(), Oldest: Alone} }

func finish(t *testing.T, l *Lane, tx *Transaction, o Outcome, log ...Record) Next {
	t.Helper()
	next, err := l.Finish(tx, o, log, alone(l), shapes{})
	require.NoError(t, err)
	return next
}

// What a process wrote decides what the host must do, and whether there is a new version.
func TestFinishOfTop(t *testing.T) {
	heavy := Record{Op: Set, Shape: 3, Flags: Heavy}
	cases := map[string]struct {
		log  []Record
		next Next
	}{
		"nothing":          {nil, Next{Step: Done}},
		"only heavy":       {[]Record{heavy}, Next{Step: Done}},
		"a write":          {[]Record{write()}, Next{Step: Commit, Version: 1}},
		"heavy and not":    {[]Record{heavy, write()}, Next{Step: Commit, Version: 1}},
		"one may run code": {[]Record{write(), write(Foreign)}, Next{Step: Apply, Version: 1}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := NewLane(4, 0)
			tx := begin(t, l, nil)
			require.Equal(t, c.next, finish(t, l, tx, Returned, c.log...))
			if c.next.Step == Apply {
				require.Equal(t, Applying, tx.State())
				require.Zero(t, l.Newest(), "no version before the writes stand")
			} else {
				require.Zero(t, l.Open())
				require.Equal(t, c.next.Version, l.Newest())
			}
		})
	}
}

// However a process fails, its writes are dropped and nothing else happens.
func TestFailureDrops(t *testing.T) {
	for o := Declared; o <= Unstarted; o++ {
		l := NewLane(4, 0)
		require.Equal(t, Next{Step: Drop}, finish(t, l, begin(t, l, nil), o, write()))
		require.Zero(t, l.Open())
		require.Zero(t, l.Newest())
	}
}

// A malformed end is an error, and still an end.
func TestUnknownOutcome(t *testing.T) {
	for _, o := range []Outcome{0, Unstarted + 1} {
		l := NewLane(4, 0)
		next, err := l.Finish(begin(t, l, nil), o, nil, alone(l), shapes{})
		require.ErrorIs(t, err, fault.Invalid)
		require.Equal(t, Drop, next.Step)
		require.Zero(t, l.Open())
	}
}

// Writes that can fail get their version when they stand, and none when they do not.
func TestApplied(t *testing.T) {
	l := NewLane(4, 0)
	for range 2 {
		tx := begin(t, l, nil)
		require.Equal(t, Next{Step: Apply, Version: 1}, finish(t, l, tx, Returned, write(Foreign)))
		next, err := l.Applied(tx, false)
		require.NoError(t, err)
		require.Equal(t, Next{Step: Drop}, next)
		require.Zero(t, l.Newest())
	}
	tx := begin(t, l, nil)
	_, err := l.Applied(tx, true)
	require.ErrorIs(t, err, fault.Ended, "nothing to apply yet")
	finish(t, l, tx, Returned, write(Foreign))
	_, err = l.Finish(tx, Returned, nil, alone(l), shapes{})
	require.ErrorIs(t, err, fault.Ended, "finished before")
	_, err = l.Begin(tx, 0, Start{})
	require.ErrorIs(t, err, fault.Ended, "nothing nests in what is being applied")
	next, err := l.Applied(tx, true)
	require.NoError(t, err)
	require.Equal(t, Next{Step: Done, Version: 1}, next)
	require.ErrorIs(t, l.Retract(1), fault.Ended, "its writes stand")
}

// Any number of transactions is open at once; a savepoint waits for another one beside it.
func TestManyAtOnce(t *testing.T) {
	l := NewLane(4, 0)
	first, second := begin(t, l, nil), begin(t, l, nil)
	inner := begin(t, l, first)
	sibling, err := l.Begin(first, 0, Start{})
	require.NoError(t, err)
	require.Nil(t, sibling, "one savepoint of a transaction at a time")
	begin(t, l, second)
	require.Equal(t, Keep, finish(t, l, inner, Returned).Step)
	begin(t, l, first)
}

// reading is a table of what was read at a version, beside others that saw oldest.
func reading(seen, oldest uint64, read ...Read) *Reads {
	slots := make([]Read, 64)
	for _, r := range read {
		for _, r := range []Read{r, {r.Object, host.Any}} {
			at := home(r.Object, r.Key, 63)
			for slots[at].Object != 0 && slots[at] != r {
				at = (at + 1) & 63
			}
			slots[at] = r
		}
	}
	return &Reads{Slots: slots, Seen: seen, Oldest: oldest}
}

func of(object host.Ref, key host.Key, flags ...Flags) Record {
	r := write(flags...)
	r.Object, r.Key = object, key
	return r
}

// The first to commit wins: what was read must be what it was.
func TestConflicts(t *testing.T) {
	cases := map[string]struct {
		read  Read
		write Record
		loses bool
	}{
		"the same field":                  {Read{1, 20}, of(1, 20), true},
		"another field":                   {Read{1, 20}, of(1, 24), false},
		"another object":                  {Read{1, 20}, of(2, 20), false},
		"all of it changed":               {Read{1, 20}, of(1, host.Any), true},
		"user code may change all":        {Read{1, 20}, of(1, 24, Foreign), true},
		"a part of what was read whole":   {Read{1, host.Whole}, of(1, 24), true},
		"the length":                      {Read{1, host.Size}, of(1, 24, Resizes), true},
		"the length stays":                {Read{1, host.Size}, of(1, 24), false},
		"longer, beside what was read":    {Read{1, 20}, of(1, 24, Resizes), false},
		"whole, and something else grows": {Read{1, host.Whole}, of(2, 24, Resizes), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := NewLane(4, 0)
			slow, fast := begin(t, l, nil), begin(t, l, nil)
			next, err := l.Finish(fast, Returned, []Record{c.write}, reading(0, 0), shapes{})
			require.NoError(t, err)
			if next.Step == Apply {
				_, err = l.Applied(fast, true)
				require.NoError(t, err)
			}
			_, lost, err := l.CatchUp(reading(0, Alone, c.read))
			require.NoError(t, err)
			require.Equal(t, c.loses, lost.Version != 0)
			next, err = l.Finish(slow, Returned, []Record{of(9, 20)}, reading(0, Alone, c.read), shapes{})
			require.NoError(t, err)
			require.Equal(t, c.loses, next.Step == Again)
			require.Zero(t, l.Open())
		})
	}
}

// One that wrote nothing could have run when it read: it never loses.
func TestReadersNeverLose(t *testing.T) {
	l := NewLane(4, 0)
	reader := begin(t, l, nil)
	next, err := l.Finish(begin(t, l, nil), Returned, []Record{of(1, 20)}, reading(0, 0), shapes{})
	require.NoError(t, err)
	require.Equal(t, Commit, next.Step)
	next, err = l.Finish(reader, Returned, nil, reading(0, Alone, Read{1, 20}), shapes{})
	require.NoError(t, err)
	require.Equal(t, Done, next.Step)
}

// What was read before the history begins counts as changed.
func TestForgottenHistory(t *testing.T) {
	l := NewLane(4, 0)
	slow := begin(t, l, nil)
	for range 3 {
		finish(t, l, begin(t, l, nil), Returned, of(5, 20)) // as if nobody else were there
	}
	next, err := l.Finish(slow, Returned, []Record{of(1, 20)}, reading(0, Alone, Read{2, 20}), shapes{})
	require.NoError(t, err)
	require.Equal(t, Next{Step: Again, Lost: Opponent{Version: 3}}, next)
}

// One that begins while the only other one is applied can ask what that changed.
func TestBeginWhileOneIsApplied(t *testing.T) {
	l := NewLane(4, 0)
	first := begin(t, l, nil)
	require.Equal(t, Apply, finish(t, l, first, Returned, of(1, 20, Foreign)).Step)
	late := begin(t, l, nil)
	_, err := l.Applied(first, true)
	require.NoError(t, err)
	_, lost, err := l.CatchUp(reading(0, Alone, Read{1, 20}))
	require.NoError(t, err)
	require.Equal(t, Opponent{Version: 1}, lost)
	seen, lost, err := l.CatchUp(reading(0, Alone, Read{2, 20}))
	require.NoError(t, err)
	require.Zero(t, lost)
	require.EqualValues(t, 1, seen)
	require.Equal(t, Commit, finish(t, l, late, Returned, of(2, 20)).Step)
	finish(t, l, begin(t, l, nil), Returned, of(3, 20))
	require.Empty(t, l.history.changes, "nobody is there who could ask")
}

// A loser gets priority in the end: nobody commits before it, unless they cannot wait.
func TestPriority(t *testing.T) {
	l := NewLane(4, 0)
	loser, err := l.Begin(nil, 0, Start{Lost: Patience})
	require.NoError(t, err)
	second, err := l.Begin(nil, 0, Start{Urgent: true})
	require.NoError(t, err)
	require.Nil(t, second, "one has priority at a time")
	second, err = l.Begin(nil, 0, Start{Urgent: true, Hasty: true})
	require.NoError(t, err)
	other := begin(t, l, nil)
	require.Equal(t, Wait, finish(t, l, other, Returned, of(1, 20)).Step)
	require.Equal(t, Done, finish(t, l, begin(t, l, nil), Returned).Step, "who writes nothing stands in nobody's way")
	require.Equal(t, Commit, finish(t, l, loser, Returned, of(1, 20)).Step)
	require.Equal(t, Commit, finish(t, l, other, Returned, of(1, 20)).Step)

	_, err = l.Begin(nil, 0, Start{Urgent: true})
	require.NoError(t, err)
	next, err := l.Finish(second, Returned, []Record{of(1, 20)}, &Reads{Seen: 2, Oldest: Alone, Hasty: true}, shapes{})
	require.NoError(t, err)
	require.Equal(t, Commit, next.Step)
	require.Equal(t, Stats{Commits: 3, Retries: 1, Priorities: 1}, l.Stats())
}

// A commit that did not come about is no reason to lose.
func TestUndoneCommits(t *testing.T) {
	l := NewLane(4, 0)
	finish(t, l, begin(t, l, nil), Returned, write())
	require.NoError(t, l.Retract(1))
	tx := begin(t, l, nil)
	finish(t, l, tx, Returned, write(Foreign))
	_, err := l.Applied(tx, false)
	require.NoError(t, err)
	slow := begin(t, l, nil)
	next, err := l.Finish(begin(t, l, nil), Returned, []Record{of(1, 20)}, reading(0, 0), shapes{})
	require.NoError(t, err)
	require.Equal(t, Next{Step: Commit, Version: 1}, next)
	next, err = l.Finish(slow, Returned, []Record{of(2, 20)}, reading(0, Alone, Read{2, 20}), shapes{})
	require.NoError(t, err)
	require.Equal(t, Commit, next.Step)
}

// However one with priority ends, it takes the priority with it.
func TestPriorityEnds(t *testing.T) {
	for o := Returned; o <= lastOutcome; o++ {
		l := NewLane(4, 0)
		holder, err := l.Begin(nil, 0, Start{Urgent: true})
		require.NoError(t, err)
		finish(t, l, holder, o)
		require.Equal(t, Commit, finish(t, l, begin(t, l, nil), Returned, write()).Step)
	}
}

// While writes are applied that may run user code nobody else commits.
func TestOneAppliesAtATime(t *testing.T) {
	l := NewLane(4, 0)
	first, second := begin(t, l, nil), begin(t, l, nil)
	require.Equal(t, Apply, finish(t, l, first, Returned, write(Foreign)).Step)
	require.Equal(t, Wait, finish(t, l, second, Returned, write()).Step)
	_, err := l.Applied(first, false)
	require.NoError(t, err)
	require.Equal(t, Next{Step: Commit, Version: 1}, finish(t, l, second, Returned, write()))
}

// A table that cannot be searched is refused, and so is a version from the future.
func TestBadReads(t *testing.T) {
	for _, r := range []*Reads{{Slots: make([]Read, 3)}, {Seen: 1}} {
		l := NewLane(4, 0)
		_, _, err := l.CatchUp(r)
		require.ErrorIs(t, err, fault.Invalid)
		next, err := l.Finish(begin(t, l, nil), Returned, []Record{write()}, r, shapes{})
		require.ErrorIs(t, err, fault.Invalid)
		require.Equal(t, Drop, next.Step)
		require.Zero(t, l.Open())
	}
	full := &Reads{Slots: []Read{{1, 4}, {2, 4}}}
	require.False(t, full.has(3, 4), "the search in a full table ends")
}

// With nobody else there nothing is remembered and nothing allocated; with somebody, what all have
// seen is forgotten again.
func TestHistoryIsBounded(t *testing.T) {
	l := NewLane(4, 0)
	log := []Record{of(1, 20), of(1, 24, Resizes), of(2, 20)}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		tx, _ := l.Begin(nil, 0, Start{})
		_, _ = l.Finish(tx, Returned, log, &Reads{Seen: l.Newest(), Oldest: Alone}, shapes{})
	}))
	require.Empty(t, l.history.changes)
	slow := begin(t, l, nil)
	since := l.Newest()
	for range 10_000 {
		tx, _ := l.Begin(nil, 0, Start{})
		_, err := l.Finish(tx, Returned, log, &Reads{Seen: l.Newest(), Oldest: since}, shapes{})
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(l.history.changes), fewChanges+2*len(log), "what changed, not how often")
	for key, loses := range map[host.Key]bool{20: true, 24: true, host.Size: true, 28: false} {
		_, lost, err := l.CatchUp(reading(since, Alone, Read{1, key}))
		require.NoError(t, err)
		require.Equal(t, loses, lost.Version != 0)
	}
	finish(t, l, slow, Undeclared)
	finish(t, l, begin(t, l, nil), Returned, log...)
	require.Empty(t, l.history.changes, "nobody is left who could ask")
}

// Savepoints end from the inside out: each keeps or drops its own writes only.
func TestNesting(t *testing.T) {
	l := NewLane(3, 0)
	a := begin(t, l, nil)
	b := begin(t, l, a)
	c := begin(t, l, b)
	_, err := l.Begin(c, 0, Start{})
	require.ErrorIs(t, err, fault.Limit)
	for _, tx := range []*Transaction{a, b} {
		_, err = l.Finish(tx, Returned, nil, alone(l), shapes{})
		require.ErrorIs(t, err, fault.Ended)
	}
	require.Equal(t, Next{Step: Drop}, finish(t, l, c, Refused, write()))
	require.Equal(t, Next{Step: Keep}, finish(t, l, b, Returned, write(Foreign)))
	require.Zero(t, l.Newest())
	require.Equal(t, Next{Step: Commit, Version: 1}, finish(t, l, a, Returned, write()))
}

// The newest version can be taken back until another one is made, and once.
func TestRetract(t *testing.T) {
	l := NewLane(4, 0)
	require.ErrorIs(t, l.Retract(0), fault.Ended)
	finish(t, l, begin(t, l, nil), Returned, write())
	require.ErrorIs(t, l.Retract(2), fault.Ended)
	require.NoError(t, l.Retract(1))
	require.ErrorIs(t, l.Retract(1), fault.Ended)
	require.Equal(t, Next{Step: Commit, Version: 1}, finish(t, l, begin(t, l, nil), Returned, write()))
	tx := begin(t, l, nil)
	require.Equal(t, Next{Step: Commit, Version: 2}, finish(t, l, tx, Returned, write()))
	require.ErrorIs(t, l.Retract(1), fault.Ended)
}

// An ID finds its transaction until that is over, also when its slot is used again.
func TestIDs(t *testing.T) {
	l := NewLane(4, 0)
	seen := map[ID]bool{0: true}
	for range 1000 {
		tx := begin(t, l, nil)
		id := tx.ID()
		require.False(t, seen[id])
		seen[id] = true
		found, err := l.Find(id)
		require.NoError(t, err)
		require.Same(t, tx, found)
		finish(t, l, tx, Returned)
		_, err = l.Find(id)
		require.ErrorIs(t, err, fault.Ended)
	}
	require.Len(t, l.slab.slots, 1, "the memory of a transaction that is over is used again")
	for _, id := range []ID{0, 1, 77, 1 << 40} {
		_, err := l.Find(id)
		require.ErrorIs(t, err, fault.Ended)
	}
}

// Serial numbers go on after those of a former lane, and skip 0 when they start over.
func TestSerials(t *testing.T) {
	l := NewLane(4, 41)
	require.Equal(t, makeID(42, 0), begin(t, l, nil).ID())
	require.EqualValues(t, 42, l.Close())
	l = NewLane(4, 1<<32-1)
	require.Equal(t, makeID(1, 0), begin(t, l, nil).ID())
}

// Closing ends everything.
func TestClose(t *testing.T) {
	l := NewLane(4, 0)
	a := begin(t, l, nil)
	id := begin(t, l, begin(t, l, a)).ID()
	l.Close()
	require.Zero(t, l.Open())
	_, err := l.Find(id)
	require.ErrorIs(t, err, fault.Ended)
}

// The number of open transactions has a bound.
func TestSlabIsBounded(t *testing.T) {
	if invariant.Enabled {
		t.Skip("each step would walk the whole stack")
	}
	l := NewLane(maxOpen+1, 0)
	var tx *Transaction
	for range maxOpen {
		tx = begin(t, l, tx)
	}
	_, err := l.Begin(tx, 0, Start{})
	require.ErrorIs(t, err, fault.Limit)
}
