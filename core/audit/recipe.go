package audit

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/theus-project/theus/core/fault"
)

// Recipe is the rules of all processes, checked and with what they inherit. It never changes.
type Recipe struct {
	processes map[string]*Process
	names     []string // of processes, in the order of the recipe
}

// Process is what a recipe says about one process.
type Process struct {
	Name        string
	Rules       []Rule   // at the input gate, then at the output gate; inherited ones first
	SideEffects []string // informative, like Errors
	Errors      []string
	Place       Place
}

// Load reads a recipe written in YAML. The name is that of the file, for messages.
//
// It fails with a fault.Invalid that holds all Problems of the text.
func Load(name string, text []byte) (*Recipe, error) { return Loader{}.Load(name, text) }

// Loader reads recipes. The zero value is for files, and knows no checks.
type Loader struct {
	// Built says that a program made the text: places name the rule of a process, since nobody
	// wrote the lines.
	Built bool
	// Language is that of checks; nil refuses them.
	Language Language
}

// Load is the function Load.
func (l Loader) Load(name string, text []byte) (*Recipe, error) {
	r := newReader(name)
	r.built, r.language = l.Built, l.Language
	return r.load(text)
}

func (r *reader) load(text []byte) (*Recipe, error) {
	definitions := r.recipe(text)
	recipe := resolve(definitions, &r.report)
	if err := r.report.err(); err != nil {
		return nil, err
	}
	return recipe, nil
}

// Processes lists the names of the processes the recipe is for, in its own order.
func (r *Recipe) Processes() []string {
	if r == nil {
		return nil
	}
	return slices.Clone(r.names)
}

// Process gives what holds for one process, all that is inherited included; nil if nothing does.
func (r *Recipe) Process(name string) *Process {
	if r == nil {
		return nil
	}
	return r.processes[name]
}

// Rules counts the rules of all processes.
func (r *Recipe) Rules() (n int) {
	if r == nil {
		return 0
	}
	for p := range maps.Values(r.processes) {
		n += len(p.Rules)
	}
	return n
}

// definition is an entry of a recipe before it has what it inherits.
type definition struct {
	Process
	inherits []parent
}

// parent is a name under inherits.
type parent struct {
	name  string
	place Place
}

// isTemplate reports whether a name is only there to be inherited.
func isTemplate(name string) bool { return strings.HasPrefix(name, "_") }

// The closed lists of keys.
var (
	topKeys     = []string{"process_recipes", "name", "description", "version"}
	processKeys = []string{"inherits", "inputs", "outputs", "side_effects", "errors"}
	settingKeys = []string{"field", "level", "threshold", "min_threshold", "max_threshold", "reset_on_success", "message"}
	ruleKeys    = append(slices.Clone(settingKeys), conditionWords...)
)

// detail is what is wrong, without the words around it.
func detail(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Detail
	}
	return err.Error()
}
