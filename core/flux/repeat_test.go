package flux_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/flux"
)

// A loop that the host goes round by itself does what it does when the host asks each time: as many
// turns, the same end, the same count against the budget and against max.
func TestRepeat(t *testing.T) {
	w := newWorld()
	w.processes["tick"] = &process{}
	drive := func(text string, loops, until int64, alone bool) (ran, used int64, end string) {
		p, err := flux.Load(flux.Source{Name: "loop", Text: []byte(text)}, flux.Surroundings{Processes: w})
		require.NoError(t, err)
		r := p.Start(flux.Options{MaxLoops: int(loops)})
		reading := func() []flux.Reading { return []flux.Reading{{Value: flux.Int(ran)}} }
		for answer := (flux.Answer{}); ; {
			act := r.Step(answer)
			answer = flux.Answer{}
			switch act.Do {
			case flux.DoRead:
				answer.Readings = reading()
			case flux.DoRun:
				ran++
				if act.Repeat != nil && alone && ran != until {
					require.Equal(t, flux.Less, act.Repeat.Op)
					for ran < act.Repeat.Bound && answer.Turns < act.Repeat.Times {
						answer.Turns++
						if ran++; ran == until {
							break
						}
					}
					answer.Readings = reading()
				}
				if ran == until {
					answer.Readings, answer.Failure = nil, failure("ValueError", "now")
				}
			default:
				return ran, int64(r.Loops()), fmt.Sprint(act.Do, act.Failure)
			}
		}
	}
	for _, text := range []string{
		`[{flux: while, condition: domain.x < 50, do: tick}]`,
		`[{flux: while, condition: domain.x < 50, do: tick, max: 30}, tick]`,
		`[{flux: while, condition: domain.x < 50, do: [tick]}, {flux: while, condition: domain.x < 90, do: tick}]`,
		`[{flux: try, do: {flux: while, condition: domain.x < 50, do: tick}, catch: {ValueError: tick}, finally: tick}]`,
		`[{flux: for, each: "[1, 2]", as: i, do: {flux: while, condition: domain.x < 20, do: tick}}]`,
	} {
		for _, loops := range []int64{1, 7, 49, 50, 51, 1000} {
			for _, until := range []int64{1, 25, 1000} {
				ran, used, end := drive(text, loops, until, false)
				again, usedAgain, endAgain := drive(text, loops, until, true)
				require.Equal(t, []any{ran, used, end}, []any{again, usedAgain, endAgain}, "%s %d %d", text, loops, until)
			}
		}
	}
}

// Only a loop of one process, on a test that a host can make, is offered; and more turns than were
// offered do not count.
func TestRepeatIsBounded(t *testing.T) {
	w := newWorld()
	w.processes["tick"] = &process{args: []string{"n"}}
	for text, offered := range map[string]bool{
		`[{flux: while, condition: domain.x < 5, do: tick}]`:                               true,
		`[{flux: while, condition: domain.x, do: tick}]`:                                   true,
		`[{flux: while, condition: domain.x < domain.y, do: tick}]`:                        false,
		`[{flux: while, condition: domain.x < 5.0, do: tick}]`:                             false,
		`[{flux: while, condition: 5 > domain.x, do: tick}]`:                               false,
		`[{flux: while, condition: domain.x < 5 and domain.x < 6, do: tick}]`:              false,
		`[{flux: while, condition: domain.x < 5, do: [tick, tick]}]`:                       false,
		`[{flux: while, condition: domain.x < 5, do: {process: tick, args: {n: 1}}}]`:      false,
		`[{flux: parallel, branches: [{flux: while, condition: domain.x < 5, do: tick}]}]`: false,
		`[{flux: while, condition: domain.x < 5, do: {flux: run, steps: tick}}]`:           false,
	} {
		p, err := flux.Load(flux.Source{Name: "loop", Text: []byte(text)}, flux.Surroundings{Processes: w, Contracts: w})
		require.NoError(t, err)
		r := p.Start(flux.Options{MaxLoops: 10})
		act := r.Step(flux.Answer{})
		if act.Do == flux.DoFork {
			r = act.Branches[0]
			act = r.Step(flux.Answer{})
		}
		for act.Do == flux.DoRead {
			readings := make([]flux.Reading, len(act.Needs))
			for i := range readings {
				readings[i].Value = flux.Int(int64(i + 1))
			}
			act = r.Step(flux.Answer{Readings: readings})
		}
		require.Equal(t, flux.DoRun, act.Do, text)
		require.Equal(t, offered, act.Repeat != nil, text)
		if offered {
			require.EqualValues(t, 9, act.Repeat.Times)
		}
		r.Step(flux.Answer{Turns: 1000, Readings: []flux.Reading{{Value: flux.Int(1)}}})
		require.LessOrEqual(t, r.Loops(), 10, text)
	}
}
