package guard

// Bits say what may be done to a path. The numbers are those of capi/theus.h.
type Bits uint8

const (
	MayRead   Bits = 1 // at or below an input or output
	MayWrite  Bits = 2 // at or below an output
	MayWalk   Bits = 4 // above one: only the declared way on exists
	IsPrivate Bits = 8 // the last segment starts with "_": only methods of the object itself
)

// Layer is the layer of the context that the first segment of a path stands for, in either of
// its spellings.
type Layer uint8

const (
	LayerNone   Layer = 0
	LayerGlobal Layer = 1
	LayerDomain Layer = 2
)

// Flags say how far a shape's answer reaches.
type Flags uint8

const (
	// ItemsVary: items differ in what is allowed, so each must be asked for with Child.
	ItemsVary Flags = 1
	// Learns: a process is learned, and this place is known by its path; see Shapes.Learned.
	Learns Flags = 2
)

// Tried is what a process tried, for Deny. The numbers are those of capi/theus.h.
type Tried uint32

const (
	Read    Tried = 1 // read a path, or pass through it
	Write   Tried = 2 // assign it
	Delete  Tried = 3 // delete it
	Mutate  Tried = 4 // change a container or object in place; detail is the type of the view
	Iterate Tried = 5 // list what an ancestor holds that may only be walked through
	Store   Tried = 6 // meet or assign a value of an unsupported kind; detail is its type
)
