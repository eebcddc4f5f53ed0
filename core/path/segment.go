package path

// Kind tells segments apart. The first four are met at run time and are numbers of capi/theus.h,
// the last two only in what users spell.
type Kind uint8

const (
	Attr  Kind = 1 // the attribute Name
	Text  Kind = 2 // the text key Name
	Int   Kind = 3 // the index or integer key Index
	Other Kind = 4 // a key of any other type; Name is a printed form, for messages
	Name  Kind = 5 // in a pattern: the attribute or the text key Name
	Any   Kind = 6 // in a pattern: any one segment
)

// Segment is one step of a path. It is comparable.
//
// Invariant: Name is "" for Int and Any; Index is 0 for all but Int.
type Segment struct {
	Kind  Kind
	Name  string
	Index int64
}

// Valid reports whether the kind is one of this package's.
func (s Segment) Valid() bool { return s.Kind >= Attr && s.Kind <= Any }

// Key gives s with nothing in the field its kind does not use, so that == compares meanings.
func (s Segment) Key() Segment {
	switch s.Kind {
	case Int:
		return Segment{Kind: Int, Index: s.Index}
	case Any:
		return Segment{Kind: Any}
	default:
		return Segment{Kind: s.Kind, Name: s.Name}
	}
}

// IsAttr reports whether s is an attribute, or in a pattern may be one.
func (s Segment) IsAttr() bool { return s.Kind == Attr || s.Kind == Name }

// IsPrivate reports whether s is an attribute that is not for process code. Keys never are:
// "_id" is an ordinary key of a document.
func (s Segment) IsPrivate() bool {
	return s.IsAttr() && len(s.Name) > 0 && s.Name[0] == '_'
}

// Matches reports whether s, a segment of a pattern, stands for q.
func (s Segment) Matches(q Segment) bool {
	switch s.Kind {
	case Any:
		return true
	case Name:
		return (q.Kind == Attr || q.Kind == Text || q.Kind == Name) && s.Name == q.Name
	default:
		return s.Key() == q.Key()
	}
}

// AtRoot gives the segment that s stands for as the first of a path: domain is domain_ctx there
// and global is global_ctx.
func (s Segment) AtRoot() Segment {
	if s.IsAttr() {
		switch s.Name {
		case "domain":
			s.Name = Domain
		case "global":
			s.Name = Global
		}
	}
	return s
}

// The layers of a context, in their long spelling.
const (
	Global = "global_ctx"
	Domain = "domain_ctx"
)
