package engine

import (
	"errors"

	"github.com/theus-project/theus/core/audit"
	"github.com/theus-project/theus/core/fault"
)

// Schema is a text that holds one, and where it comes from.
type Schema struct {
	Name    string   // of the file, for messages
	Text    []byte   // YAML
	Built   bool     // the text was made by a program: messages name fields, not lines
	Classes []string // that the host knows by these names
}

// Load reads a schema, but for what its types mean. What is wrong is a fault.Config, which lists
// every problem.
func (s Schema) Load() (*audit.Schema, error) {
	schema, err := audit.LoadSchema(s.Name, s.Text, s.Built)
	return schema, asConfig(err)
}

// LoadSchema puts a schema in force, and gives the table that a host compares with.
func (e *Engine) LoadSchema(s Schema) ([]audit.Typing, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	read, err := s.Load()
	if err != nil {
		return nil, err
	}
	compiled, err := read.Compile(s.Name, s.Classes)
	if err != nil {
		return nil, asConfig(err)
	}
	e.schema.Store(compiled)
	return compiled.Types(), nil
}

// JudgeType asks whether a value is of a type of the schema in force; see audit.Schema.Judge.
func (e *Engine) JudgeType(number uint32, v *audit.Value, process, where string) error {
	if err := e.open(); err != nil {
		return err
	}
	schema := e.schema.Load()
	if schema == nil {
		return fault.New(fault.Invalid, "this engine has no schema")
	}
	return schema.Judge(number, v, process, where)
}

// asConfig makes problems of a file what they are to who wrote it.
func asConfig(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		f.Kind = fault.Config
	}
	return err
}
