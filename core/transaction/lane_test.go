package transaction

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/internal/invariant"
)

func begin(t *testing.T, l *Lane, outer *Transaction) *Transaction {
	t.Helper()
	tx, err := l.Begin(outer, 0)
	require.NoError(t, err)
	require.NotNil(t, tx, "nobody else is in charge")
	return tx
}

func finish(t *testing.T, l *Lane, tx *Transaction, o Outcome, log ...Record) Next {
	t.Helper()
	next, err := l.Finish(tx, o, log, shapes{})
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
		"a write":          {[]Record{write()}, Next{Commit, 1}},
		"heavy and not":    {[]Record{heavy, write()}, Next{Commit, 1}},
		"one may run code": {[]Record{write(), write(Foreign)}, Next{Apply, 1}},
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
		next, err := l.Finish(begin(t, l, nil), o, nil, shapes{})
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
		require.Equal(t, Next{Apply, 1}, finish(t, l, tx, Returned, write(Foreign)))
		next, err := l.Applied(tx, false)
		require.NoError(t, err)
		require.Equal(t, Next{Step: Drop}, next)
		require.Zero(t, l.Newest())
	}
	tx := begin(t, l, nil)
	_, err := l.Applied(tx, true)
	require.ErrorIs(t, err, fault.Ended, "nothing to apply yet")
	finish(t, l, tx, Returned, write(Foreign))
	_, err = l.Finish(tx, Returned, nil, shapes{})
	require.ErrorIs(t, err, fault.Ended, "finished before")
	_, err = l.Begin(tx, 0)
	require.ErrorIs(t, err, fault.Ended, "nothing nests in what is being applied")
	next, err := l.Applied(tx, true)
	require.NoError(t, err)
	require.Equal(t, Next{Done, 1}, next)
	require.ErrorIs(t, l.Retract(1), fault.Ended, "its writes stand")
}

// Whoever comes while another is in charge waits; a failed wait changes nothing.
func TestOneInCharge(t *testing.T) {
	l := NewLane(4, 0)
	first := begin(t, l, nil)
	second, err := l.Begin(nil, 0)
	require.NoError(t, err)
	require.Nil(t, second)
	inner := begin(t, l, first)
	sibling, err := l.Begin(first, 0)
	require.NoError(t, err)
	require.Nil(t, sibling, "one savepoint of a transaction at a time")
	require.Equal(t, Keep, finish(t, l, inner, Returned).Step)
	begin(t, l, first)
}

// Savepoints end from the inside out: each keeps or drops its own writes only.
func TestNesting(t *testing.T) {
	l := NewLane(3, 0)
	a := begin(t, l, nil)
	b := begin(t, l, a)
	c := begin(t, l, b)
	_, err := l.Begin(c, 0)
	require.ErrorIs(t, err, fault.Limit)
	for _, tx := range []*Transaction{a, b} {
		_, err = l.Finish(tx, Returned, nil, shapes{})
		require.ErrorIs(t, err, fault.Ended)
	}
	require.Equal(t, Next{Step: Drop}, finish(t, l, c, Refused, write()))
	require.Equal(t, Next{Step: Keep}, finish(t, l, b, Returned, write(Foreign)))
	require.Zero(t, l.Newest())
	require.Equal(t, Next{Commit, 1}, finish(t, l, a, Returned, write()))
}

// The newest version can be taken back until somebody could have seen it, and once.
func TestRetract(t *testing.T) {
	l := NewLane(4, 0)
	require.ErrorIs(t, l.Retract(0), fault.Ended)
	finish(t, l, begin(t, l, nil), Returned, write())
	require.ErrorIs(t, l.Retract(2), fault.Ended)
	require.NoError(t, l.Retract(1))
	require.ErrorIs(t, l.Retract(1), fault.Ended)
	require.Equal(t, Next{Commit, 1}, finish(t, l, begin(t, l, nil), Returned, write()))
	tx := begin(t, l, nil)
	require.ErrorIs(t, l.Retract(1), fault.Ended)
	finish(t, l, tx, Returned)
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
	_, err := l.Begin(tx, 0)
	require.ErrorIs(t, err, fault.Limit)
}
