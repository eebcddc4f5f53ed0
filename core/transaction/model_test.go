package transaction

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/theus-project/theus/core/host"
)

// twin is an open transaction of the model: what it has read, and the state as it sees it.
type twin struct {
	tx    *Transaction
	seen  uint64
	reads map[Read]int // what was read, and the value it had
	log   []Record
}

// model is the obviously right twin of a lane: every version of the state there ever was.
type model struct {
	states []map[Read]int // by version
	open   []*twin
	holder *twin
}

func (m *model) newest() uint64 { return uint64(len(m.states) - 1) }

// holds tells whether all that was read is the same at a version.
func (m *model) holds(t *twin, version uint64) bool {
	for r, value := range t.reads {
		if m.states[version][r] != value {
			return false
		}
	}
	return true
}

func (m *model) remove(t *twin) {
	for i := range m.open {
		if m.open[i] == t {
			m.open = append(m.open[:i], m.open[i+1:]...)
			break
		}
	}
	if m.holder == t {
		m.holder = nil
	}
}

func (m *model) oldest(but *twin) uint64 {
	least := uint64(math.MaxUint64)
	for _, t := range m.open {
		if t != but {
			least = min(least, t.seen)
		}
	}
	return least
}

// Whatever runs beside whatever, each commit is one that could have run alone at its version, each
// reader saw one version, and nobody loses against a commit that changed nothing it had read.
//
// Every write puts a number that never was there, so a value tells who wrote it.
func TestLaneIsSerialisable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, m := NewLane(4, 0), &model{states: []map[Read]int{{}}}
		fresh := 0
		pick := func(t *rapid.T) *twin {
			if len(m.open) == 0 {
				t.Skip("nothing runs")
			}
			return m.open[rapid.IntRange(0, len(m.open)-1).Draw(t, "which")]
		}
		place := func(t *rapid.T) Read {
			return Read{
				host.Ref(rapid.Uint64Range(1, 2).Draw(t, "object")),
				host.Key(rapid.Uint64Range(16, 18).Draw(t, "key")),
			}
		}
		table := func(b *twin) *Reads {
			var all []Read
			for r := range b.reads {
				all = append(all, r)
			}
			return reading(b.seen, m.oldest(b), all...)
		}
		// read is what a host does before each read: catch up, or lose.
		read := func(b *twin, r Read) bool {
			if b.seen != m.newest() {
				seen, lost, err := l.CatchUp(table(b))
				require.NoError(t, err)
				require.Equal(t, m.holds(b, m.newest()), lost.Version == 0)
				if lost.Version != 0 {
					require.Equal(t, Drop, finishAny(t, l, b.tx, Interrupted, nil, table(b)).Step)
					m.remove(b)
					return false
				}
				b.seen = seen
			}
			b.reads[r] = m.states[b.seen][r]
			return true
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				start := Start{Lost: rapid.SampledFrom([]int{0, 0, 0, Patience}).Draw(t, "lost")}
				tx, err := l.Begin(nil, 0, start)
				require.NoError(t, err)
				if start.Lost == Patience && m.holder != nil {
					require.Nil(t, tx)
					return
				}
				b := &twin{tx: tx, seen: m.newest(), reads: map[Read]int{}}
				m.open = append(m.open, b)
				if start.Lost == Patience {
					m.holder = b
				}
			},
			"read": func(t *rapid.T) { read(pick(t), place(t)) },
			"write": func(t *rapid.T) {
				b, r := pick(t), place(t)
				if read(b, r) {
					b.log = append(b.log, of(r.Object, r.Key))
				}
			},
			"finish": func(t *rapid.T) {
				b := pick(t)
				fails := rapid.SampledFrom([]bool{false, false, true}).Draw(t, "fails")
				if fails {
					require.Equal(t, Drop, finishAny(t, l, b.tx, Undeclared, b.log, table(b)).Step)
					m.remove(b)
					return
				}
				next := finishAny(t, l, b.tx, Returned, b.log, table(b))
				switch {
				case len(b.log) == 0:
					require.Equal(t, Done, next.Step)
					require.True(t, m.holds(b, b.seen), "a reader saw one version")
				case m.holder != nil && m.holder != b:
					require.Equal(t, Wait, next.Step)
					return
				case !m.holds(b, m.newest()):
					require.Equal(t, Again, next.Step)
				default:
					require.Equal(t, Next{Step: Commit, Version: m.newest() + 1}, next)
					state := map[Read]int{}
					for r, value := range m.states[m.newest()] {
						state[r] = value
					}
					for _, w := range b.log {
						fresh++
						state[Read{w.Object, w.Key}] = fresh
					}
					m.states = append(m.states, state)
				}
				m.remove(b)
			},
			"": func(t *rapid.T) {
				require.Equal(t, m.newest(), l.Newest())
				require.Equal(t, len(m.open), l.Open())
				require.Equal(t, m.holder != nil, l.holder != nil)
			},
		})
	})
}

func finishAny(t *rapid.T, l *Lane, tx *Transaction, o Outcome, log []Record, reads *Reads) Next {
	next, err := l.Finish(tx, o, log, reads, shapes{})
	require.NoError(t, err)
	return next
}
