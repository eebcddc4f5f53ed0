package audit

// Level says what happens when a rule acts. The numbers are those of capi/theus.h; a higher one
// is more severe.
type Level uint8

const (
	Info    Level = 1 // I: logged
	Caution Level = 2 // C: logged as a warning
	Block   Level = 3 // B: this process is refused and rolled back
	Abort   Level = 4 // A: this process is refused, and the workflow around it ends
	Safety  Level = 5 // S: like Abort, and the engine stops until it is reset
)

var levels = [...]string{Info: "I", Caution: "C", Block: "B", Abort: "A", Safety: "S"}

// levelWords lists the letters, the most severe first.
var levelWords = []string{"S", "A", "B", "C", "I"}

// String is the letter of the level, "" for none.
func (l Level) String() string {
	if int(l) >= len(levels) {
		return ""
	}
	return levels[l]
}

// Refuses reports whether the process may not go on.
func (l Level) Refuses() bool { return l >= Block }

// levelOf reads a letter.
func levelOf(letter string) (Level, bool) {
	for l := Info; l <= Safety; l++ {
		if levels[l] == letter {
			return l, true
		}
	}
	return 0, false
}

// Gate is where rules are asked. The numbers are those of capi/theus.h.
type Gate uint8

const (
	Input  Gate = 0 // keyword arguments and context, before the process begins
	Output Gate = 1 // the resulting state, before anybody sees it
	gates       = 2
)

// String names the gate as recipes do, in the singular.
func (g Gate) String() string {
	if g == Input {
		return "input"
	}
	return "output"
}
