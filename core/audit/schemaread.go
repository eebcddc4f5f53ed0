package audit

import (
	"encoding/json"

	"gopkg.in/yaml.v3"
)

// LoadSchema reads a schema written in YAML. The name is that of the file, for messages. It fails
// with a fault.Invalid that holds all Problems of the text. What types mean it does not look at:
// Compile does.
func LoadSchema(name string, text []byte, built bool) (*Schema, error) {
	r := newReader(name)
	r.built, r.report.what = built, "Schema"
	s := r.schema(text)
	if err := r.report.err(); err != nil {
		return nil, err
	}
	return s, nil
}

var (
	schemaKeys  = []string{"context", "objects", "global", "domain", "name", "description", "version"}
	contextKeys = []string{"global", "domain"}
	fieldKeys   = []string{"type", "required", "default"}
)

func (r *reader) schema(text []byte) *Schema {
	s := &Schema{}
	root := r.document(text)
	if root == nil {
		return s
	}
	top, _ := r.pairs(root, "a mapping with context")
	nested := false
	for _, p := range top {
		nested = nested || p.word == "context"
	}
	for _, p := range top {
		switch {
		case p.word == "context":
			layers, _ := r.pairs(p.value, "a mapping with global and domain")
			for _, l := range layers {
				if !r.layer(s, l) {
					r.fail(l.key, "%q is no layer of the context%s", shorten(l.word, maxShown), meant(l.word, contextKeys))
				}
			}
		case p.word == "objects":
			entries, _ := r.pairs(p.value, "a mapping of names to fields")
			for _, e := range entries {
				r.item = "object " + e.word
				s.Objects = append(s.Objects, ObjectSpec{e.word, r.fields(e.word, e.value), r.at(e.key)})
			}
		case p.word == "name", p.word == "description", p.word == "version": // for people
		case !nested && r.layer(s, p):
		default:
			r.fail(p.key, "%q is no key of a schema%s", shorten(p.word, maxShown), meant(p.word, schemaKeys))
		}
	}
	return s
}

// layer reads the fields of a layer, if that is what an entry is.
func (r *reader) layer(s *Schema, p pair) bool {
	switch p.word {
	case "global", "global_ctx":
		s.Global = append(s.Global, r.fields("global", p.value)...)
	case "domain", "domain_ctx":
		s.Domain = append(s.Domain, r.fields("domain", p.value)...)
	default:
		return false
	}
	return true
}

func (r *reader) fields(of string, n *yaml.Node) []FieldSpec {
	entries, _ := r.pairs(n, "a mapping of fields")
	var list []FieldSpec
	for _, e := range entries {
		r.item = of + "." + e.word
		list = append(list, r.fieldSpec(e))
	}
	return list
}

func (r *reader) fieldSpec(e pair) FieldSpec {
	f := FieldSpec{Name: e.word, Type: "string", Required: true, Place: r.at(e.key), typed: r.at(e.key)}
	entries, _ := r.pairs(e.value, "a mapping, like {type: integer},")
	for _, p := range entries {
		switch p.word {
		case "type":
			f.typed = r.at(p.value)
			f.Type, _ = r.text(p.value, "the name of a type")
			if t := target(p.value); t == p.value && t.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
				f.exact = f.typed.Line > 0
				if t.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
					f.typed.Column++
				}
			}
		case "required":
			f.Required, _ = r.boolean(p.value)
		case "default":
			if v, ok := r.value(p.value, 0); ok {
				f.Default = &v
			}
		default:
			r.fail(p.key, "%q is no key of a field%s", shorten(p.word, maxShown), meant(p.word, fieldKeys))
		}
	}
	return f
}

// Describe gives the schema as JSON, for hosts that show or change it:
//
//	{"global": [field], "domain": [field], "objects": [{"name": ..., "fields": [field]}]}
//
// A field has name, type, required and, if there is one, default, which is spelled as the limits of
// a recipe are.
func (s *Schema) Describe() []byte {
	type object struct {
		Name   string           `json:"name"`
		Fields []describedField `json:"fields"`
	}
	all := struct {
		Global  []describedField `json:"global"`
		Domain  []describedField `json:"domain"`
		Objects []object         `json:"objects"`
	}{describeFields(s.Global), describeFields(s.Domain), []object{}}
	for _, o := range s.Objects {
		all.Objects = append(all.Objects, object{o.Name, describeFields(o.Fields)})
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // every part is made of texts, numbers and lists
	}
	return text
}

type describedField struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
	Default  any    `json:"default"`
}

func describeFields(list []FieldSpec) []describedField {
	all := []describedField{}
	for _, f := range list {
		d := describedField{Name: f.Name, Type: f.Type, Required: f.Required}
		if f.Default != nil {
			d.Default = f.Default.describe()
		}
		all = append(all, d)
	}
	return all
}
