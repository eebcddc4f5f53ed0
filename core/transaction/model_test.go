package transaction

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/theus-project/theus/core/fault"
)

// model is the obviously right twin of a lane: a stack, a number, and whether the last commit may
// still be taken back.
type model struct {
	stack    []*Transaction
	applying bool
	version  uint64
	fresh    bool
}

func (m *model) last() *Transaction {
	if len(m.stack) == 0 {
		return nil
	}
	return m.stack[len(m.stack)-1]
}

func (m *model) pop() { m.stack = m.stack[:len(m.stack)-1] }

// Whatever comes in whatever order, the lane does what its twin does.
func TestLaneIsItsModel(t *testing.T) {
	const deepest = 4
	rapid.Check(t, func(t *rapid.T) {
		l, m := NewLane(deepest, 0), &model{}
		var over []ID
		t.Repeat(map[string]func(*rapid.T){
			"begin a top": func(t *rapid.T) {
				tx, err := l.Begin(nil, 0)
				require.NoError(t, err)
				require.Equal(t, len(m.stack) == 0, tx != nil)
				if tx != nil {
					m.stack, m.fresh = append(m.stack, tx), false
				}
			},
			"begin a savepoint": func(t *rapid.T) {
				if len(m.stack) == 0 {
					t.Skip("nothing runs")
				}
				at := rapid.IntRange(0, len(m.stack)-1).Draw(t, "at")
				tx, err := l.Begin(m.stack[at], 0)
				switch {
				case m.applying && at == len(m.stack)-1:
					require.ErrorIs(t, err, fault.Ended)
				case at == deepest-1:
					require.ErrorIs(t, err, fault.Limit)
				case at < len(m.stack)-1:
					require.NoError(t, err)
					require.Nil(t, tx)
				default:
					require.NoError(t, err)
					require.NotNil(t, tx)
					m.stack = append(m.stack, tx)
				}
			},
			"finish": func(t *rapid.T) {
				if len(m.stack) == 0 {
					t.Skip("nothing runs")
				}
				at := rapid.IntRange(0, len(m.stack)-1).Draw(t, "at")
				outcome := Outcome(rapid.Uint32Range(1, uint32(lastOutcome)).Draw(t, "outcome"))
				log := make([]Record, rapid.IntRange(0, 3).Draw(t, "writes"))
				foreign := false
				for i := range log {
					log[i] = write()
					if rapid.Bool().Draw(t, "foreign") {
						log[i].Flags, foreign = Foreign, true
					}
				}
				tx := m.stack[at]
				id := tx.ID()
				next, err := l.Finish(tx, outcome, log, shapes{})
				if m.applying || at < len(m.stack)-1 {
					require.ErrorIs(t, err, fault.Ended)
					return
				}
				require.NoError(t, err)
				want := Next{Step: Drop}
				switch {
				case outcome != Returned:
				case at > 0:
					want.Step = Keep
				case len(log) == 0:
					want.Step = Done
				case foreign:
					want, m.applying = Next{Apply, m.version + 1}, true
				default:
					m.version, m.fresh = m.version+1, true
					want = Next{Commit, m.version}
				}
				require.Equal(t, want, next)
				if !m.applying {
					m.pop()
					over = append(over, id)
				}
			},
			"applied": func(t *rapid.T) {
				if len(m.stack) == 0 {
					t.Skip("nothing runs")
				}
				tx, stand := m.last(), rapid.Bool().Draw(t, "stand")
				id := tx.ID()
				next, err := l.Applied(tx, stand)
				if !m.applying {
					require.ErrorIs(t, err, fault.Ended)
					return
				}
				require.NoError(t, err)
				want := Next{Step: Drop}
				if stand {
					m.version++
					want = Next{Done, m.version}
				}
				require.Equal(t, want, next)
				m.applying = false
				m.pop()
				over = append(over, id)
			},
			"retract": func(t *rapid.T) {
				version := m.version + rapid.Uint64Range(0, 1).Draw(t, "more")
				err := l.Retract(version)
				if m.fresh && version == m.version {
					require.NoError(t, err)
					m.version, m.fresh = m.version-1, false
				} else {
					require.ErrorIs(t, err, fault.Ended)
				}
			},
			"": func(t *rapid.T) {
				require.Equal(t, m.version, l.Newest())
				require.Equal(t, len(m.stack), l.Open())
				for _, id := range over {
					_, err := l.Find(id)
					require.ErrorIs(t, err, fault.Ended)
				}
			},
		})
	})
}
