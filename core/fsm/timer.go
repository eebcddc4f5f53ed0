package fsm

import (
	"regexp"
	"strconv"

	"github.com/theus-project/theus/core/flux"
)

// units of time, in seconds.
var units = map[string]float64{"ms": 0.001, "s": 1, "m": 60, "h": 3600}

// maxSeconds is the longest timer: a year.
const maxSeconds = 366 * 24 * 3600

var timer = regexp.MustCompile(`^\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h)\s*->\s*(\S(?:.*\S)?)\s*$`)

// after reads the timers of a state.
func (c *checker) after(n flux.Node) []Timer {
	list := []flux.Node{n}
	switch {
	case n.Empty() || n.Kind() == flux.RefusedNode:
		return nil
	case n.Kind() == flux.ListNode:
		list = n.Items()
	}
	var all []Timer
	for _, item := range list {
		text, _ := item.Text()
		m := timer.FindStringSubmatch(text)
		if m == nil {
			if item.Kind() != flux.RefusedNode {
				c.Fail(item.Place(), `a timer is a time and an event, such as "5s -> TIMEOUT"; times are in ms, s, m or h`)
			}
			continue
		}
		count, err := strconv.ParseFloat(m[1], 64)
		seconds := count * units[m[2]]
		if err != nil || seconds <= 0 || seconds > maxSeconds {
			c.Fail(item.Place(), "a timer takes more than nothing and at most a year")
			continue
		}
		all = append(all, Timer{Seconds: seconds, Event: m[3], Place: item.Place()})
	}
	return all
}
