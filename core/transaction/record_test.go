package transaction

import (
	"errors"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
)

// shapes are the rights of the tests: shape 1 may be written, 2 only read, 3 is heavy.
type shapes struct{}

func (shapes) Write(shape uint32) (allowed, heavy, known bool) {
	return shape == 1 || shape == 3, shape == 3, shape >= 1 && shape <= 3
}

func write(flags ...Flags) Record {
	r := Record{Op: Set, Shape: 1}
	for _, f := range flags {
		r.Flags |= f
	}
	return r
}

// A record is laid out as theus_record: both sides read the same memory.
func TestRecordLayout(t *testing.T) {
	var r Record
	require.EqualValues(t, RecordSize, unsafe.Sizeof(r))
	require.EqualValues(t, 0, unsafe.Offsetof(r.Op))
	require.EqualValues(t, 2, unsafe.Offsetof(r.Flags))
	require.EqualValues(t, 4, unsafe.Offsetof(r.Shape))
	require.EqualValues(t, 8, unsafe.Offsetof(r.Object))
	require.EqualValues(t, 16, unsafe.Offsetof(r.Key))
	require.EqualValues(t, 24, unsafe.Offsetof(r.Bytes))
}

// Every operation of the header is one, and nothing else is.
func TestOperations(t *testing.T) {
	for op := range Op(LastOp + 3) {
		_, err := inspect([]Record{{Op: op, Shape: 1}}, shapes{})
		if op >= Set && op <= Reverse {
			require.NoError(t, err, "operation %d", op)
		} else {
			require.ErrorIs(t, err, fault.Invalid, "operation %d", op)
		}
	}
}

// A record that is not what it must be is refused, with its place in the log.
func TestInspectRefuses(t *testing.T) {
	cases := map[string]struct {
		record Record
		kind   fault.Kind
		says   string
	}{
		"a shape never handed out":   {Record{Op: Set, Shape: 4}, fault.Invalid, "no shape 4"},
		"no shape":                   {Record{Op: Set}, fault.Invalid, "no shape 0"},
		"an input":                   {Record{Op: Set, Shape: 2}, fault.Write, "may not be written"},
		"unknown flags":              {Record{Op: Set, Shape: 1, Flags: 8}, fault.Invalid, "flags 0x8"},
		"heavy flag on DATA":         {Record{Op: Set, Shape: 1, Flags: Heavy}, fault.Invalid, "disagree"},
		"HEAVY without its flag":     {Record{Op: Set, Shape: 3}, fault.Invalid, "disagree"},
		"HEAVY that is not in place": {Record{Op: Set, Shape: 3, Flags: allFlags}, fault.Invalid, "nothing to apply"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := inspect([]Record{write(), write(), c.record}, shapes{})
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, "record 2")
			require.ErrorContains(t, err, c.says)
			var f *fault.Error
			require.True(t, errors.As(err, &f))
		})
	}
}

// What a commit must do follows from the log: heavy writes are in memory already.
func TestCensus(t *testing.T) {
	heavy := Record{Op: SetItem, Shape: 3, Flags: Heavy, Bytes: 8}
	got, err := inspect([]Record{write(), heavy, write(Foreign), write(), heavy}, shapes{})
	require.NoError(t, err)
	require.Equal(t, census{writes: 3, foreign: 1}, got)
}

// Checking a log allocates nothing.
func TestInspectAllocatesNothing(t *testing.T) {
	log := make([]Record, 100)
	for i := range log {
		log[i] = write()
	}
	var rights Rights = shapes{}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = inspect(log, rights)
	}))
}
